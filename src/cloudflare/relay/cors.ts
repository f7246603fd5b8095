import { EXPOSED_HEADERS, REQUEST_HEADERS } from "./headers.ts";
import { denied } from "./relay-error.ts";

/** Origins whose pages may use the relay, or all. Pages of the relay's own origin always may. */
export type AllowedOrigins = readonly string[] | "*";

/** Seconds for which a browser need not ask again; the longest that any of them keeps. */
const MAX_AGE = 86_400;

/** Which callers that name no origin may use the relay. */
export type AllowNoOrigin = boolean | ((request: Request) => boolean | Promise<boolean>);

/**
 * The origin that an answer must name, or undefined where the request names none or the relay's own.
 *
 * Browsers leave the origin out where a page only reads from its own one, and then say so; but also where another page shows an image
 * or leads to an address, for which nobody asked that page's origin.
 * @throws RelayError 403 for pages of origins that are not allowed, and for callers that name none and are not allowed either
 */
export async function allowedOrigin(
  request: Request,
  allowed: AllowedOrigins,
  allowNoOrigin: AllowNoOrigin,
): Promise<string | undefined> {
  const origin = request.headers.get("origin");
  if (origin === null) {
    if (request.headers.get("sec-fetch-site") === "same-origin") return undefined;
    if (typeof allowNoOrigin === "boolean" ? allowNoOrigin : await allowNoOrigin(request)) return undefined;
    throw denied("Cannot relay for a caller that names no origin: this relay is for pages");
  }
  if (origin === new URL(request.url).origin) return undefined;
  if (allowed === "*" || (origin !== "null" && allowed.includes(origin))) return origin;
  throw denied(`Cannot relay for pages of ${origin}: it is not among the origins that this relay allows`);
}

/** Whether a request is a browser's question about another one. */
export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

/** The answer to such a question. */
export function preflightResponse(methods: readonly string[]): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": methods.join(", "),
      "access-control-allow-headers": REQUEST_HEADERS.join(", "),
      "access-control-max-age": String(MAX_AGE),
    },
  });
}

/** Adds what lets a page of that origin read the answer. Credentials of the browser (cookies) are never among what is allowed. */
export function allowReading(response: Response, origin: string | undefined): Response {
  response.headers.append("vary", "Origin, Sec-Fetch-Site");
  if (origin === undefined) return response;
  response.headers.set("access-control-allow-origin", origin);
  response.headers.set("access-control-expose-headers", EXPOSED_HEADERS.join(", "));
  return response;
}
