import { parseChallenges } from "../../registry/auth/challenge.ts";
import { formatChallenges } from "./challenge.ts";

/** What of a request is passed on. Everything else (cookies, origin, referrer, client hints) stays behind. */
export const REQUEST_HEADERS: readonly string[] = [
  "accept",
  "authorization",
  "content-range",
  "content-type",
  "if-match",
  "if-none-match",
  "if-range",
  "range",
];

/** What of an answer is passed on as it is. */
const RESPONSE_HEADERS: readonly string[] = [
  "accept-ranges",
  "content-range",
  "content-type",
  "docker-content-digest",
  "docker-distribution-api-version",
  "docker-upload-uuid",
  "etag",
  "range",
  "ratelimit-limit",
  "ratelimit-remaining",
  "retry-after",
  "warning",
];

/** Headers of the specification that are yet to come are passed on too. */
const isSpecHeader = (name: string): boolean => name.startsWith("oci-");

/** What pages of other origins may read of an answer, besides what they always may. */
export const EXPOSED_HEADERS: readonly string[] = [
  ...RESPONSE_HEADERS.filter((name) => name !== "content-type"),
  "content-length",
  "link",
  "location",
  "oci-chunk-min-length",
  "oci-chunk-max-length",
  "oci-filters-applied",
  "oci-subject",
  "oci-tag",
  "www-authenticate",
];

/** The headers of a request as they go out. */
export function requestHeaders(from: Headers): Headers {
  const headers = new Headers({ "user-agent": "slipway-relay" });
  // What fetch decompresses by itself would have another length and another digest.
  headers.set("accept-encoding", "identity");
  for (const [name, value] of from) {
    if (REQUEST_HEADERS.includes(name) || isSpecHeader(name)) headers.set(name, value);
  }
  return headers;
}

/** How addresses in an answer become addresses of the relay; undefined where there is none for them. */
export interface AddressMapping {
  /** @param address as the registry gave it, perhaps relative */
  api(address: string): string | undefined;
  token(realm: string): string;
}

/** The headers of an answer as they come back. The length is not among them; without a mapping, addresses are not either. */
export function responseHeaders(from: Headers, mapping: AddressMapping | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of from) {
    if (RESPONSE_HEADERS.includes(name) || isSpecHeader(name)) headers.set(name, value);
  }
  if (mapping === undefined) return headers;
  const location = mapping.api(from.get("location") ?? "");
  if (location !== undefined) headers.set("location", location);
  const link = mappedLinks(from.get("link") ?? "", mapping);
  if (link !== "") headers.set("link", link);
  const challenges = mappedChallenges(from.get("www-authenticate") ?? "", mapping);
  if (challenges !== "") headers.set("www-authenticate", challenges);
  return headers;
}

/** `<ADDRESS>; rel="next"`, perhaps several (RFC 8288); those that lead elsewhere are left out. */
function mappedLinks(header: string, mapping: AddressMapping): string {
  return [...header.matchAll(/<([^>]*)>((?:[^,"]|"[^"]*")*)/g)]
    .flatMap(([, address = "", parameters = ""]) => {
      const mapped = mapping.api(address);
      return mapped === undefined ? [] : [`<${mapped}>${parameters.trimEnd()}`];
    })
    .join(", ");
}

function mappedChallenges(header: string, mapping: AddressMapping): string {
  const challenges = parseChallenges(header).map(({ scheme, parameters }) => {
    const realm = scheme === "bearer" ? parameters.get("realm") : undefined;
    return realm === undefined
      ? { scheme, parameters }
      : { scheme, parameters: new Map(parameters).set("realm", mapping.token(realm)) };
  });
  return formatChallenges(challenges);
}
