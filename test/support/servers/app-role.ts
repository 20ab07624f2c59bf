/** The app's role, quoted for a statement. */
export function appRoleOf(appUrl: string): string {
  return `"${decodeURIComponent(new URL(appUrl).username).replaceAll('"', '""')}"`;
}
