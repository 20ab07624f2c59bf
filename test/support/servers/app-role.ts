/** The name of the app's role, quoted for an SQL statement. */
export function appRoleOf(appUrl: string): string {
  return `"${decodeURIComponent(new URL(appUrl).username).replaceAll('"', '""')}"`;
}
