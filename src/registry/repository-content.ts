import { isElsewhere } from "../archive/copy.ts";
import { type ByteRange, readAll } from "../bytes.ts";
import { resolveRange } from "../content/range.ts";
import { DOCUMENT_LIMIT } from "../content/read.ts";
import { sourceLabel } from "../content/source-label.ts";
import type { ContentInfo, ContentProvider } from "../content/store.ts";
import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { HasherFactory } from "../hash/hasher.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, parseDigest } from "../oci/digest.ts";
import { isIndex, isManifest } from "../oci/media-types.ts";
import type { OperationOptions } from "../progress.ts";
import { readRemoteBlob } from "./blob-reading.ts";
import { blobOf, blobSize } from "./blobs.ts";
import { BoundedMap } from "./bounded-map.ts";
import { readForeignLayer } from "./foreign-layer.ts";
import { fetchManifest, type ReadManifest } from "./manifests.ts";
import { computedDigest, type RepositoryContext } from "./repository-context.ts";

/** Bytes of documents that one repository remembers. */
const DOCUMENTS_LIMIT = 16 * 1024 * 1024;
/** Digests of which it remembers what they are. */
const DIGESTS_LIMIT = 20_000;

/** What a manifest or index says of a digest. */
interface Known {
  readonly descriptor: Descriptor;
  /** Manifests and blobs have different addresses. */
  readonly kind: "manifest" | "config" | "blob";
}

/**
 * A repository as a place of content. Registries have manifests at other addresses than blobs and a digest does not tell which it is; what
 * was fetched does: each manifest and index is remembered, with what it names. A digest that nothing has named yet is looked for as a blob
 * first.
 */
export class RepositoryContent implements ContentProvider {
  readonly remote = true;
  readonly hasher: HasherFactory;
  readonly #context: RepositoryContext;
  readonly #documents = new BoundedMap<Digest, Uint8Array<ArrayBuffer>>(DOCUMENTS_LIMIT);
  readonly #known = new BoundedMap<Digest, Known>(DIGESTS_LIMIT);
  readonly #sizes = new BoundedMap<Digest, number>(DIGESTS_LIMIT);

  constructor(context: RepositoryContext) {
    this.#context = context;
    this.hasher = context.hasher;
  }

  /** Remembers a document, and what it says of others. */
  remember({ descriptor, bytes, document }: ReadManifest): void {
    this.#documents.set(descriptor.digest, bytes, bytes.byteLength);
    this.#know(descriptor, "manifest");
    if (document.kind === "manifest") {
      const { config, layers, subject } = document.manifest;
      for (const layer of layers) this.#know(layer, "blob");
      this.#know(config, "config");
      if (subject !== undefined) this.#know(subject, "manifest");
      return;
    }
    const { manifests, subject } = document.index;
    for (const child of [...manifests, ...(subject === undefined ? [] : [subject])]) {
      // An index may name anything, and where that lies is then to be found out.
      if (isManifest(child.mediaType) || isIndex(child.mediaType)) this.#know(child, "manifest");
    }
  }

  /** What was deleted is no longer said to be there. */
  forget(digest: Digest): void {
    for (const memory of [this.#documents, this.#known, this.#sizes]) memory.delete(digest);
  }

  async info(digest: Digest, operation: OperationOptions = {}): Promise<ContentInfo> {
    const { transport, path, options } = this.#context;
    const size = this.#documents.get(parseDigest(digest))?.byteLength ?? this.#sizes.get(digest);
    const labels = { [sourceLabel(transport.registry)]: path };
    if (size !== undefined) return { digest, size, labels };
    const known = this.#known.get(digest);
    // A registry takes no manifest of which it lacks a blob.
    if (known !== undefined && !isElsewhere(known.descriptor)) return { digest, size: known.descriptor.size, labels };
    const found = await blobSize(this.#context, digest, operation);
    if (found !== undefined) {
      this.#sizes.set(digest, found);
      return { digest, size: found, labels };
    }
    if (known === undefined) return { digest, size: (await this.#manifest(digest, operation)).byteLength, labels };
    if (options.foreignLayers === true) return { digest, size: known.descriptor.size, labels: {} };
    throw this.#notFound(digest);
  }

  async *open(
    digest: Digest,
    range?: ByteRange,
    operation: OperationOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const document = this.#documents.get(parseDigest(digest));
    const known = this.#known.get(digest);
    if (document !== undefined) {
      yield* partOf(document, range, digest);
    } else if (known?.kind === "manifest") {
      yield* partOf(await this.#manifest(digest, operation), range, digest);
    } else if (known?.kind === "config" && known.descriptor.size <= DOCUMENT_LIMIT) {
      yield* partOf(await this.#config(known.descriptor, operation), range, digest);
    } else if (known !== undefined) {
      yield* this.#layer(known.descriptor, range, operation);
    } else {
      yield* this.#unknown(digest, range, operation);
    }
  }

  async #manifest(digest: Digest, operation: OperationOptions): Promise<Uint8Array<ArrayBuffer>> {
    const read = await fetchManifest(this.#context, digest, operation);
    this.remember(read);
    return read.bytes;
  }

  /** Configs are read again and again, and are small. */
  async #config({ digest, size }: Descriptor, operation: OperationOptions): Promise<Uint8Array<ArrayBuffer>> {
    const chunks = readRemoteBlob(blobOf(this.#context, digest, size), undefined, operation);
    const bytes = await readAll(chunks, DOCUMENT_LIMIT, `blob ${digest}`);
    const actual = computedDigest(this.#context, digestAlgorithm(digest), bytes);
    if (actual !== digest) {
      throw new SlipwayError(
        "DIGEST_MISMATCH",
        `Cannot fetch blob ${this.#context.name}@${digest}: what the registry sent has digest ${actual}`,
      );
    }
    this.#documents.set(digest, bytes, bytes.byteLength);
    return bytes;
  }

  async *#layer(
    layer: Descriptor,
    range: ByteRange | undefined,
    operation: OperationOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { digest, size } = layer;
    try {
      yield* readRemoteBlob(blobOf(this.#context, digest, size), range, operation);
    } catch (error) {
      // Some registries have foreign layers, too.
      if (!isElsewhere(layer) || !isSlipwayError(error, "NOT_FOUND")) throw error;
      yield* readForeignLayer(this.#context, layer, range, operation);
    }
  }

  async *#unknown(
    digest: Digest,
    range: ByteRange | undefined,
    operation: OperationOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* readRemoteBlob(blobOf(this.#context, digest), range, operation);
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
      yield* partOf(await this.#manifest(digest, operation), range, digest);
    }
  }

  #know(descriptor: Descriptor, kind: Known["kind"]): void {
    this.#known.set(descriptor.digest, { descriptor, kind });
  }

  #notFound(digest: Digest): SlipwayError {
    return new SlipwayError(
      "NOT_FOUND",
      `Cannot find blob ${this.#context.name}@${digest}: the registry does not have it`,
    );
  }
}

function* partOf(
  bytes: Uint8Array,
  range: ByteRange | undefined,
  digest: Digest,
): Generator<Uint8Array, void, undefined> {
  const { start, end } = resolveRange(bytes.byteLength, range, `blob ${digest}`);
  // A copy: whoever reads it may write into it.
  if (end > start) yield bytes.slice(start, end);
}
