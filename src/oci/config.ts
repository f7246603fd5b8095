import { digestCodec } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import { boolean, type Codec, checked, list, object, omitempty, present, required, string } from "./json/codec.ts";
import { type DocumentFormat, readDocument, writeDocument } from "./json/document.ts";
import type { JsonMap } from "./json/value.ts";
import type { Platform } from "./platform.ts";
import { type RuntimeConfig, runtimeConfigCodec } from "./runtime-config.ts";
import { isTimestamp } from "./time.ts";

export type { Healthcheck, RuntimeConfig } from "./runtime-config.ts";

/** What an image is and how it is run. image-spec `config.md`. Fields are named as in JSON. */
export interface ImageConfig extends Platform {
  /** RFC 3339. */
  readonly created?: string;
  /** Name and address of who made the image, in free form. */
  readonly author?: string;
  /** How containers of the image are started; absent if it says nothing about that. */
  readonly config?: RuntimeConfig;
  /** The layers; as many as the manifest has, in the same order. */
  readonly rootfs: RootFS;
  /** Oldest first. As many entries without `empty_layer` as there are layers. */
  readonly history?: readonly History[];
  /** Fields that image-spec does not define, kept for when the config is written again. */
  readonly unknownFields?: JsonMap;
}

/** The layers of an image by their uncompressed contents. */
export interface RootFS {
  /** The only kind that image-spec knows. */
  readonly type: "layers";
  /** From the base up. */
  readonly diff_ids: readonly Digest[];
  /** Fields that image-spec does not define, kept for when the config is written again. */
  readonly unknownFields?: JsonMap;
}

/** A step that led to an image. */
export interface History {
  /** RFC 3339. */
  readonly created?: string;
  /** The command or instruction, for example `COPY . /srv`. */
  readonly created_by?: string;
  /** Who did it, in free form. */
  readonly author?: string;
  /** A note, in free form; BuildKit writes its own name there. */
  readonly comment?: string;
  /** The step made no layer. */
  readonly empty_layer?: boolean;
  /** Fields that image-spec does not define, kept for when the config is written again. */
  readonly unknownFields?: JsonMap;
}

const timestampCodec: Codec<string> = checked(string, (value, at) => {
  if (!isTimestamp(value)) throw at.error(`is ${JSON.stringify(value.slice(0, 100))}, which is no RFC 3339 time`);
  return value;
});

const rootfsTypeCodec: Codec<"layers"> = checked<string, "layers">(string, (value, at) => {
  if (value !== "layers") throw at.error(`is ${JSON.stringify(value.slice(0, 100))}, and only "layers" is known`);
  return value;
});

const nameCodec: Codec<string> = checked(string, (value, at) => {
  if (value === "") throw at.error("must not be empty");
  return value;
});

const rootfsCodec: Codec<RootFS> = object<RootFS>({
  type: required(rootfsTypeCodec),
  diff_ids: required(list(digestCodec)),
});

const historyCodec: Codec<History> = object<History>({
  created: present(timestampCodec),
  created_by: omitempty(string),
  author: omitempty(string),
  comment: omitempty(string),
  empty_layer: omitempty(boolean),
});

const IMAGE_CONFIG: DocumentFormat<ImageConfig> = {
  codec: object<ImageConfig>({
    created: present(timestampCodec),
    author: omitempty(string),
    architecture: required(nameCodec),
    os: required(nameCodec),
    "os.version": omitempty(string),
    "os.features": omitempty(list(string)),
    variant: omitempty(string),
    config: present(runtimeConfigCodec),
    rootfs: required(rootfsCodec),
    history: omitempty(list(historyCodec)),
  }),
};

/**
 * Reads an image config, OCI's or Docker's.
 * @param what names it in messages, for example `config sha256:…`
 * @param onWarning told, in a sentence, that the history does not account for the layers; such images exist and work
 * @throws SlipwayError `INVALID_DOCUMENT` or `INVALID_DIGEST`, naming the field
 */
export function parseImageConfig(
  bytes: Uint8Array,
  what = "image config",
  onWarning?: (message: string) => void,
): ImageConfig {
  const config = readDocument(IMAGE_CONFIG, bytes, what);
  const layers = config.rootfs.diff_ids.length;
  const steps = config.history?.filter((step) => step.empty_layer !== true).length;
  if (steps !== undefined && steps !== layers) {
    onWarning?.(`${what}: history has ${steps} steps with a layer, but rootfs.diff_ids names ${layers}`);
  }
  return config;
}

/**
 * The config's bytes: compact, keys in image-spec's order with Docker's own after them in their object, sets and labels sorted
 * by key, then fields that neither knows. Empty strings, lists and sets are left out, as Go's `omitempty` does.
 * @throws SlipwayError as `parseImageConfig`
 */
export function serialiseImageConfig(config: ImageConfig): Uint8Array<ArrayBuffer> {
  return writeDocument(IMAGE_CONFIG, config, "image config", "");
}
