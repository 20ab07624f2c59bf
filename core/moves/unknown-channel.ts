import { channelLimits } from '../limits/limits.ts';
import { similarName } from './similar-name.ts';

/**
 * Formats the error message for an unknown channel. It lists the bundle's channels and suggests the most
 * similar name.
 */
export function unknownChannel(
  { bundle, channel }: { readonly bundle: string; readonly channel: string },
  channels: readonly string[],
): string {
  const named = channels.slice(0, channelLimits.namedInText);
  const others = channels.length - named.length;
  const list = `${named.join(', ')}${others === 0 ? '' : `, and ${others} more`}`;
  const meant = similarName(channel, channels);
  const question = meant === null ? '' : ` Did you mean "${meant}"?`;
  return `"${bundle}" has no channel "${channel}". It has: ${list}.${question}`;
}
