import type { ContentInfo } from "../../content/store.ts";
import type { Digest } from "../../oci/digest.ts";
import { randomName } from "../../random.ts";
import { damaged, decodeDocument, encodeDocument, isCount, isLabels } from "./document.ts";
import { isSegments, type Segment, sizeOf } from "./segments.ts";

/** A blob as the bucket has it: its bytes in segments, or those of a small one in the record itself. */
export interface BlobRecord {
  readonly info: ContentInfo;
  readonly segments: readonly Segment[];
  /** Undefined if the bytes are in segments. */
  readonly inline?: Uint8Array | undefined;
}

/** Never the same bytes twice, so that its etag names one write and no other. */
export function encodeBlob({ info: { size, labels }, segments, inline }: BlobRecord): Uint8Array<ArrayBuffer> {
  const by = randomName();
  return encodeDocument(inline === undefined ? { size, labels, by, segments } : { size, labels, by }, inline);
}

/** All but bytes that stand in the record itself, for lists. */
export function summaryOf({ info: { size, labels }, segments }: BlobRecord): string {
  return JSON.stringify({ size, labels, segments });
}

/** @throws SlipwayError `INVALID_DOCUMENT` */
export function decodeBlob(name: string, digest: Digest, record: Uint8Array): BlobRecord {
  const { fields, bytes } = decodeDocument(name, record);
  const { size, labels, segments } = fields;
  if (!isCount(size) || !isLabels(labels)) throw damaged(name, "it is not the record of a blob");
  const info = { digest, size, labels };
  if (segments === undefined) {
    if (bytes.byteLength !== size) throw damaged(name, `it has ${bytes.byteLength} instead of ${size} bytes`);
    return { info, segments: [], inline: bytes };
  }
  if (!isSegments(segments) || sizeOf(segments) !== size) throw damaged(name, "its segments are not those of a blob");
  return { info, segments };
}

/** What {@link summaryOf} made. */
export function decodeSummary(digest: Digest, summary: string): Omit<BlobRecord, "inline"> | undefined {
  try {
    const { size, labels, segments } = JSON.parse(summary) as Record<string, unknown>;
    if (!isCount(size) || !isLabels(labels) || !isSegments(segments)) return undefined;
    return { info: { digest, size, labels }, segments };
  } catch {
    return undefined;
  }
}
