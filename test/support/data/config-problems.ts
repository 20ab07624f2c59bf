import { ConfigError } from '../../../services/config/read-settings.ts';

/** What was wrong with the settings that something reads; nothing when it took them. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
