/** Removes the user and the password from every URL in the text. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(CREDENTIALS, '$<scheme>');
}

// The length of the URL scheme is limited, so that matching takes time linear in the length of the text.
const CREDENTIALS = /(?<scheme>\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]*@/gi;
