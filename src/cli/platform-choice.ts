import { SlipwayError } from "../index.ts";
import { isIndex, type Platform, parsePlatform } from "../oci/index.ts";
import { choosePlatform, type ImageSource } from "../transfer/index.ts";
import { linuxPlatform } from "./linux-platform.ts";

/** The flags that say what is taken of an image for several platforms. */
export interface PlatformFlags {
  readonly platform?: string;
  readonly allPlatforms?: boolean;
}

/**
 * What is taken of an index: all of it, the manifest for one platform, or the one for this machine. An image that is no index is taken as it
 * is, unless a platform was asked for.
 */
export type PlatformChoice = "all" | "this machine's" | Platform;

/** @throws SlipwayError `INVALID_OPTION` for both flags, `INVALID_PLATFORM` */
export function platformChoice(
  { platform, allPlatforms }: PlatformFlags,
  otherwise: "all" | "this machine's",
): PlatformChoice {
  if (platform === undefined) return allPlatforms === true ? "all" : otherwise;
  if (allPlatforms === true) {
    throw new SlipwayError("INVALID_OPTION", "Cannot use --platform together with --all-platforms: give one of them");
  }
  return parsePlatform(platform, linuxPlatform());
}

/** The source with just what was chosen. */
export function sourceFor(source: ImageSource, choice: PlatformChoice): ImageSource {
  if (choice === "all") return source;
  return {
    description: source.description,
    async resolve(operation = {}) {
      const image = await source.resolve(operation);
      if (choice === "this machine's" && !isIndex(image.descriptor.mediaType)) return image;
      const platform = choice === "this machine's" ? linuxPlatform() : choice;
      return await choosePlatform(image, platform, { signal: operation.signal });
    },
  };
}
