/**
 * Whether a request's body can be a stream. Browsers cannot: Chromium refuses one over HTTP/1.1, Firefox sends the text "[object
 * ReadableStream]", WebKit has none. A browser is known by its database: no other host has one.
 */
export function streamsRequests(): boolean {
  return !("IDBFactory" in globalThis);
}
