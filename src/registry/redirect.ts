import { SlipwayError } from "../errors.ts";
import type { RegistryAddress } from "./address.ts";
import type { HttpAnswer } from "./http-exchange.ts";
import type { RequestBody } from "./transport.ts";

/** Redirects that are followed for one request. */
export const MOST_REDIRECTS: number = 5;

/** Statuses that lead elsewhere; 300 and 304 do not. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** A request on its way from address to address. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
  /** Whether the registry itself is asked, and only it so far: then the request may carry what lets it in. */
  readonly own: boolean;
}

/** Whether an answer only says where to ask. */
export const isRedirect = ({ status }: Pick<HttpAnswer, "status">): boolean => REDIRECTS.has(status);

/** What the body's absence takes with it (Fetch, "HTTP-redirect fetch"). */
const BODY_HEADERS: readonly string[] = [
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
  "content-range",
  "content-length",
];

/** Headers that tell who somebody is. */
const SECRET_HEADERS: readonly string[] = ["authorization", "cookie", "proxy-authorization"];

/** Headers for an address that is not the registry's. */
export const withoutSecrets = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  without(headers, SECRET_HEADERS);

/**
 * Where a request goes on to: with its method and body for 307 and 308; as GET after 303, and for POST after 301 and 302 too. An
 * answer's address was checked by nobody yet.
 * @throws SlipwayError `INVALID_RESPONSE`
 */
export function nextHop(
  hop: Hop,
  answer: HttpAnswer,
  address: Pick<RegistryAddress, "follow" | "isOwn">,
  doing: string,
): Hop {
  const { status } = answer;
  const location = answer.headers.get("location");
  if (location === null) {
    throw new SlipwayError(
      "INVALID_RESPONSE",
      `Cannot ${doing}: ${hop.url.host} answered ${status} without saying where to`,
    );
  }
  const url = address.follow(location, hop.url, doing);
  url.hash = "";
  // Once elsewhere, nothing that is said there makes the request the registry's own again.
  const own = hop.own && address.isOwn(url);
  const reads = hop.method === "GET" || hop.method === "HEAD";
  const becomesGet = !reads && (status === 303 || (hop.method === "POST" && (status === 301 || status === 302)));
  const headers = own ? hop.headers : withoutSecrets(hop.headers);
  if (!becomesGet) return { ...hop, url, own, headers };
  return { url, own, method: "GET", body: undefined, headers: without(headers, BODY_HEADERS) };
}

function without(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name.toLowerCase())));
}
