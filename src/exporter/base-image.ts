import { readBlobBytes } from "../content/index.ts";
import type { ContentProvider } from "../content/store.ts";
import { SlipwayError } from "../errors.ts";
import { type ImageConfig, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import type { BaseImage } from "./config.ts";

/** A layer of a base: its blob and, from the config, what it is uncompressed. */
export interface BaseLayer {
  readonly descriptor: Descriptor;
  readonly diffID: Digest;
}

/** A base image with its documents read. */
export interface ReadBaseImage {
  readonly content: ContentProvider;
  readonly config: ImageConfig;
  readonly layers: readonly BaseLayer[];
  /** Snapshot with the base's files. */
  readonly ref: string | undefined;
}

/**
 * Reads and checks manifest and config of a base image.
 * @throws SlipwayError `NOT_FOUND`, `DIGEST_MISMATCH`, `SIZE_MISMATCH` from the store, `INVALID_DOCUMENT`, `AMBIGUOUS_DOCUMENT` from the
 *   formats; `INVALID_DOCUMENT` if manifest and config do not have equally many layers, `DIGEST_MISMATCH` if the diffIDs are not those
 *   that the caller expects
 */
export async function readBaseImage(base: BaseImage, signal: AbortSignal | undefined): Promise<ReadBaseImage> {
  const { content, manifest: descriptor, ref, diffIDs } = base;
  const manifest = parseManifest(
    await readBlobBytes(content, descriptor, { signal }),
    `manifest ${descriptor.digest} of the base image`,
    descriptor.mediaType,
  );
  const config = parseImageConfig(
    await readBlobBytes(content, manifest.config, { signal }),
    `config ${manifest.config.digest} of the base image`,
  );
  const ids = config.rootfs.diff_ids;
  if (ids.length !== manifest.layers.length) {
    throw new SlipwayError(
      "INVALID_DOCUMENT",
      `Cannot build on ${descriptor.digest}: its manifest has ${manifest.layers.length} layers, its config ${ids.length} diffIDs`,
    );
  }
  if (diffIDs !== undefined && (diffIDs.length !== ids.length || diffIDs.some((id, index) => id !== ids[index]))) {
    throw new SlipwayError(
      "DIGEST_MISMATCH",
      `Cannot build on ${descriptor.digest}: the diffIDs of its config are not those that were expected`,
    );
  }
  const layers: BaseLayer[] = [];
  for (const [index, layer] of manifest.layers.entries()) {
    const diffID = ids[index];
    if (diffID !== undefined) layers.push({ descriptor: layer, diffID });
  }
  return { content, config, layers, ref };
}
