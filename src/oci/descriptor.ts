import type { Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/** What names content: its type, digest and size. image-spec `descriptor.md`. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Size of the raw content in bytes. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** The content itself in base64, where it is embedded. */
  readonly data?: string;
  readonly platform?: Platform;
  readonly artifactType?: string;
}
