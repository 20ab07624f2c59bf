import { ConfigError } from '../../../services/config/read-settings.ts';

/** The problems that reading the settings reports. The list is empty when the settings are valid. */
export function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
