/** The role of the app, quoted for a statement. */
export function appRoleOf(appUrl: string): string {
  return `"${decodeURIComponent(new URL(appUrl).username).replaceAll('"', '""')}"`;
}
