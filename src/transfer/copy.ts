import { SlipwayError } from "../errors.ts";
import { runStep } from "../progress.ts";
import { choosePlatform } from "./choose-platform.ts";
import type { ImageSource, ImageTarget, TransferOptions, TransferredImage } from "./transfer.ts";

/**
 * Copies an image from any source to any target: finds it, takes over what is missing at the target, and names it there. Layers are
 * neither packed nor unpacked, so that digests stay as they are. With `platform` one manifest of an index becomes the image.
 *
 * A copy that failed or was aborted names nothing at the target; what came there is found by the next try.
 * @returns what is at the target now, and how much had to be moved
 * @throws SlipwayError `NOT_FOUND` for an image, platform or blob that is not there, `INVALID_ARGUMENT` for both `platform` and
 *   `platforms`, `DIGEST_MISMATCH` and `SIZE_MISMATCH` for a blob that is not what it is called; what source and target throw
 */
export async function copy(
  from: ImageSource,
  to: ImageTarget,
  options: TransferOptions = {},
): Promise<TransferredImage> {
  const { signal, onProgress, platform, platforms } = options;
  if (platform !== undefined && platforms !== undefined) {
    throw new SlipwayError(
      "INVALID_ARGUMENT",
      `Cannot copy ${from.description}: platform makes one manifest the image, platforms keeps the index; give one of them`,
    );
  }
  signal?.throwIfAborted();
  const step = `resolving ${from.description}`;
  const image = await runStep(onProgress, { id: step, name: step }, async () => {
    const found = await from.resolve({ signal, onProgress });
    return platform === undefined ? found : await choosePlatform(found, platform, { signal });
  });
  signal?.throwIfAborted();
  return await to.write(image, { signal, onProgress, platforms });
}
