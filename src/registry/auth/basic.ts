/** The value of `Authorization` for a user's name and password, in UTF-8 (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  let text = "";
  for (const byte of new TextEncoder().encode(`${username}:${password}`)) text += String.fromCharCode(byte);
  return `Basic ${btoa(text)}`;
}
