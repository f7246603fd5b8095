import { type Digest, isDigest } from "../oci/digest.ts";

/** What a document refers to. */
export interface DocumentReferences {
  /** Manifests and indexes, whose own references count. */
  readonly documents: readonly { readonly digest: Digest; readonly mediaType: string | undefined }[];
  /** Configs, layers and other blobs. */
  readonly leaves: readonly Digest[];
}

/** What a blob refers to that is no document. */
export const NO_REFERENCES: DocumentReferences = { documents: [], leaves: [] };

/** Media types whose blobs are manifests or indexes. */
const DOCUMENTS: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.artifact.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);

/** Whether a blob of this media type can be a document: any JSON, or a type that is not known. */
export function mayBeDocument(mediaType: string | undefined): boolean {
  return mediaType === undefined || DOCUMENTS.has(mediaType) || mediaType.endsWith("json");
}

/**
 * The digests that a blob refers to if it is a manifest or an index. It is lenient where validation is strict: each thing that
 * may be a reference counts as one, even in a document that could be both, for what is not counted is lost.
 * @param mediaType of the blob, where known; without it, JSON that looks like a document is taken for one
 */
export function referencesOf(bytes: Uint8Array, mediaType: string | undefined): DocumentReferences {
  if (!mayBeDocument(mediaType)) return NO_REFERENCES;
  const json = parseObject(bytes);
  if (json === undefined) return NO_REFERENCES;
  const leaves: Digest[] = [];
  const documents: { digest: Digest; mediaType: string | undefined }[] = [];
  const add = (value: unknown, leaf: boolean): void => {
    if (typeof value !== "object" || value === null || !("digest" in value) || !isDigest(value.digest)) return;
    const type = "mediaType" in value && typeof value.mediaType === "string" ? value.mediaType : undefined;
    if (leaf && (type === undefined || !DOCUMENTS.has(type))) leaves.push(value.digest);
    else documents.push({ digest: value.digest, mediaType: type });
  };
  for (const item of listIn(json, "manifests")) add(item, false);
  add(json.subject, false);
  add(json.config, true);
  for (const item of listIn(json, "layers")) add(item, true);
  for (const item of listIn(json, "blobs")) add(item, true);
  return { documents, leaves };
}

function listIn(json: Readonly<Record<string, unknown>>, key: string): readonly unknown[] {
  const value = json[key];
  return Array.isArray(value) ? value : [];
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  // Most blobs are no JSON: do not decode 4 MiB to learn it.
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  if (first !== 0x7b) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
