import { SlipwayError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RegistryResponse } from "../transport.ts";

/**
 * Where an upload goes on, as the answer's `Location` says, relative to where the answer came from. Its query belongs to it.
 * @returns undefined if the answer has none
 * @throws SlipwayError `INVALID_RESPONSE` if it is no address for http
 */
export function uploadLocation({ headers, url }: RegistryResponse, doing: string): string | undefined {
  const location = headers.get("location");
  if (location === null || location === "") return undefined;
  let resolved: URL;
  try {
    resolved = new URL(location, url);
  } catch (cause) {
    throw notAnAddress(location, doing, cause);
  }
  if (!/^https?:$/.test(resolved.protocol) || resolved.username !== "" || resolved.password !== "") {
    throw notAnAddress(location, doing);
  }
  const from = new URL(url);
  // Behind a proxy that ends TLS, registries name themselves by http.
  if (resolved.protocol === "http:" && from.protocol === "https:" && resolved.hostname === from.hostname) {
    if (resolved.port === "" || resolved.port === from.port) {
      resolved.protocol = from.protocol;
      resolved.port = from.port;
    }
  }
  resolved.hash = "";
  return resolved.href;
}

function notAnAddress(location: string, doing: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    "INVALID_RESPONSE",
    `Cannot ${doing}: the registry names ${JSON.stringify(location.slice(0, 300))} as the upload's location`,
    { cause },
  );
}

/** The address that ends an upload. What is there stays as it is, to the letter: it may be signed. */
export function withDigest(url: string, digest: Digest): string {
  return `${url}${url.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
}

/** Path and query of an address at the same origin as `base`; undefined for one elsewhere. */
export function pathAt(url: string, base: string): string | undefined {
  const { origin, pathname, search } = new URL(url);
  return origin === new URL(base).origin && isPlainPath(pathname) ? pathname + search : undefined;
}

/** Whether text is a path with an optional query, which cannot lead to another origin. */
export function isPlainPath(text: string): boolean {
  return /^\/(?![/\\])[\x21-\x7e]*$/.test(text) && !text.includes("#");
}
