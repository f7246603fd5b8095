import { SlipwayError } from "../errors.ts";
import { foldCase } from "./json/codec.ts";
import { parseJson } from "./json/parse.ts";
import { Position } from "./json/position.ts";
import { isJsonMap, type JsonValue } from "./json/value.ts";
import { isIndex, isManifest } from "./media-types.ts";

/** What a document that a descriptor of an image points at can be. */
export type DocumentKind = "manifest" | "index";

const MANIFEST_FIELDS = ["config", "layers"];
const INDEX_FIELDS = ["manifests"];
/** Of Docker's schema 1, which nobody writes any more. */
const SCHEMA1_FIELDS = ["fsLayers", "signatures"];

/**
 * Whether a document is a manifest or an index. It must be one of them only, in its fields and in the `mediaType` that it
 * says of itself: another client could take it for the other one and get another image by the same digest (CVE-2021-41190).
 * @throws SlipwayError `AMBIGUOUS_DOCUMENT`, or `INVALID_DOCUMENT` if it is neither
 */
export function documentKind(root: JsonValue, at: Position): DocumentKind {
  if (!isJsonMap(root)) throw at.error("must be a JSON object");
  const keys = new Set([...root.keys()].map(foldCase));
  const has = (fields: readonly string[]): string | undefined => fields.find((field) => keys.has(foldCase(field)));
  const [manifest, index, schema1] = [has(MANIFEST_FIELDS), has(INDEX_FIELDS), has(SCHEMA1_FIELDS)];
  const sides = [manifest, index, schema1].filter((field) => field !== undefined);
  if (sides.length > 1) throw at.error(`has both ${sides.join(" and ")}`, "AMBIGUOUS_DOCUMENT");
  if (schema1 !== undefined) throw at.error("is a Docker schema 1 manifest, which is not supported");

  const mediaType = root.get("mediaType");
  const claim = typeof mediaType === "string" ? claimedKind(mediaType) : undefined;
  const kind = manifest !== undefined ? "manifest" : index !== undefined ? "index" : undefined;
  if (kind === undefined) {
    throw at.error(`is neither a manifest (config and layers) nor an index (manifests)`);
  }
  if (claim !== undefined && claim !== kind) {
    throw at.error(`has the fields of ${article(kind)} but says that it is ${article(claim)}`, "AMBIGUOUS_DOCUMENT");
  }
  if (typeof mediaType === "string" && mediaType !== "" && claim === undefined) {
    throw at
      .child("mediaType")
      .error(`is ${JSON.stringify(mediaType.slice(0, 300))}, which is not that of ${article(kind)}`);
  }
  return kind;
}

/**
 * Tells from a document's bytes whether it is a manifest or an index.
 * @param what names it in messages
 * @throws SlipwayError `AMBIGUOUS_DOCUMENT`, or `INVALID_DOCUMENT` if it is neither
 */
export function detectDocument(bytes: Uint8Array, what = "document"): DocumentKind {
  return documentKind(parseJson(bytes, what), new Position(`Cannot read ${what}`));
}

/**
 * Compares the `mediaType` that a document says of itself with the one by which it was referred to.
 * @throws SlipwayError `INVALID_DOCUMENT`
 */
export function expectMediaType(actual: string | undefined, expected: string | undefined, what: string): void {
  if (expected === undefined || actual === undefined || actual === expected) return;
  throw new SlipwayError(
    "INVALID_DOCUMENT",
    `Cannot read ${what}: mediaType is ${JSON.stringify(actual)}, but its descriptor says ${JSON.stringify(expected)}`,
  );
}

function claimedKind(mediaType: string): DocumentKind | undefined {
  if (isManifest(mediaType)) return "manifest";
  return isIndex(mediaType) ? "index" : undefined;
}

function article(kind: DocumentKind): string {
  return kind === "index" ? "an index" : "a manifest";
}
