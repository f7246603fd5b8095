import { type Digest, isDigest } from "../../oci/digest.ts";
import { randomName } from "../../random.ts";
import { damaged, decodeDocument, encodeDocument, isCount } from "./document.ts";
import { type OpenUpload, uploadedSize } from "./segment-writer.ts";
import { isSegments, type Segment, sizeOf } from "./segments.ts";

/** What the bucket knows of an ingest. */
export interface IngestRecord {
  readonly ref: string;
  readonly total?: number | undefined;
  readonly expected?: Digest | undefined;
  /** `open` until it ends. Nobody but its owner touches one that is being published: its data may be those of a blob by now. */
  readonly phase: "open" | "publishing";
  /** Under which its data are published. */
  readonly digest?: Digest | undefined;
  /** The writer that holds the ref; empty if none does. */
  readonly owner: string;
  /** Milliseconds since the epoch, after which anybody may take it over. */
  readonly until: number;
  /** When it was last written to, in milliseconds since the epoch. */
  readonly touched: number;
  readonly segments: readonly Segment[];
  readonly upload?: OpenUpload | undefined;
  /** Bytes that follow those in R2. */
  readonly tail: Uint8Array;
  /** State of the hash after all of that. */
  readonly state?: Uint8Array | undefined;
}

/** Bytes that the record accounts for. */
export function recordedSize({ segments, upload, tail }: IngestRecord): number {
  return sizeOf(segments) + uploadedSize(upload) + tail.byteLength;
}

/** Never the same bytes twice, so that its etag names one write and no other. */
export function encodeIngest({ tail, state, ...fields }: IngestRecord): Uint8Array<ArrayBuffer> {
  return encodeDocument({ ...fields, state: state === undefined ? undefined : toHex(state), by: randomName() }, tail);
}

/** @throws SlipwayError `INVALID_DOCUMENT` */
export function decodeIngest(name: string, bytes: Uint8Array): IngestRecord {
  const { fields, bytes: tail } = decodeDocument(name, bytes);
  const { ref, total, expected, phase, digest, owner, until, touched, segments, upload, state } = fields;
  if (typeof ref !== "string" || ref === "") throw damaged(name, "it has no ref");
  if (phase !== "open" && phase !== "publishing") throw damaged(name, "it is in no known phase");
  if (typeof owner !== "string" || !isCount(until) || !isCount(touched))
    throw damaged(name, "it does not say whose it is");
  if (!isSegments(segments) || !(upload === undefined || isUpload(upload))) throw damaged(name, "it has no data");
  return {
    ref,
    phase,
    owner,
    until,
    touched,
    segments,
    upload,
    tail,
    total: isCount(total) ? total : undefined,
    expected: isDigest(expected) ? expected : undefined,
    digest: isDigest(digest) ? digest : undefined,
    state: typeof state === "string" ? fromHex(state) : undefined,
  };
}

function isUpload(value: unknown): value is OpenUpload {
  if (typeof value !== "object" || value === null) return false;
  const { id, uploadId, parts, partSize } = value as Record<string, unknown>;
  return (
    typeof id === "string" &&
    /^[0-9a-f]{32}$/.test(id) &&
    typeof uploadId === "string" &&
    Array.isArray(parts) &&
    parts.every((part) => typeof part === "string") &&
    isCount(partSize)
  );
}

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16));
