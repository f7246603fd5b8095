import { type Codec, list, object, omitempty, required, string, type WithUnknownFields } from "../oci/json/codec.ts";
import { parseJson } from "../oci/json/parse.ts";
import { Position } from "../oci/json/position.ts";
import { printJson } from "../oci/json/print.ts";
import type { JsonValue } from "../oci/json/value.ts";
import { cleanEntryPath } from "./entry-path.ts";

/** One image of a Docker archive's `manifest.json`. */
export interface DockerManifestEntry {
  /** Path of the image config in the archive. */
  readonly config: string;
  /** Names in any of the spellings that Docker takes. */
  readonly repoTags: readonly string[];
  /** Paths of the layers in the archive, from the base up. */
  readonly layers: readonly string[];
}

/** Where a Docker archive says what it holds. */
export const DOCKER_MANIFEST_FILE = "manifest.json";

/** Docker's own spelling. What else is there (`Parent`, `LayerSources`) nobody needs. */
interface ImageFields extends WithUnknownFields {
  readonly Config: string;
  readonly RepoTags?: readonly string[];
  readonly Layers?: readonly string[];
}

const CODEC: Codec<readonly ImageFields[]> = list(
  object<ImageFields>({
    Config: required(string),
    RepoTags: omitempty(list(string)),
    Layers: omitempty(list(string)),
  }),
);

/** The bytes of `manifest.json`, compact, with the keys in the order of `docker save`. */
export function encodeDockerManifest(entries: readonly DockerManifestEntry[]): Uint8Array<ArrayBuffer> {
  return printJson(
    entries.map(
      ({ config, repoTags, layers }) =>
        new Map<string, JsonValue>([
          ["Config", config],
          // As `docker save` has it for an image without a name.
          ["RepoTags", repoTags.length === 0 ? null : repoTags],
          ["Layers", layers],
        ]),
    ),
    "",
  );
}

/**
 * Reads `manifest.json`; its paths come cleaned.
 * @throws SlipwayError `INVALID_DOCUMENT` naming the field, also for one that is there twice or in two cases;
 *   `INVALID_ARCHIVE` for a path that leaves the archive
 */
export function parseDockerManifest(bytes: Uint8Array): readonly DockerManifestEntry[] {
  const at = new Position(`Cannot read ${DOCKER_MANIFEST_FILE}`);
  return CODEC.read(parseJson(bytes, DOCKER_MANIFEST_FILE), at).map(({ Config, RepoTags = [], Layers = [] }) => ({
    config: cleanEntryPath(Config),
    repoTags: RepoTags,
    layers: Layers.map(cleanEntryPath),
  }));
}
