import { type Codec, list, object, omitempty, required, string } from "./json/codec.ts";
import type { Platform } from "./platform.ts";

/** A platform in a descriptor. */
export const platformCodec: Codec<Platform> = object<Platform>({
  architecture: required(string),
  os: required(string),
  "os.version": omitempty(string),
  "os.features": omitempty(list(string)),
  variant: omitempty(string),
});
