/** The text without the user and the password of each URL in it. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(CREDENTIALS, '$<scheme>');
}

// The bound on the scheme keeps the time linear in the length of the text.
const CREDENTIALS = /(?<scheme>\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]*@/gi;
