import { type OperationOptions, type ProgressListener, runStep } from "../progress.ts";
import type { ImagePusher, PushableImage, PushedImage } from "./image-pusher.ts";
import type { ResolvedOptions } from "./options.ts";

/**
 * Pushes an image under each of its names, one after the other, so that what went to a registry under one name is there for the
 * next one. Each is a step "pushing NAME"; what the pusher reports are its parts.
 */
export async function pushImage(
  pusher: ImagePusher,
  image: PushableImage,
  { names, pushByDigest, registryInsecure }: ResolvedOptions,
  { signal, onProgress }: OperationOptions,
): Promise<readonly PushedImage[]> {
  const pushed: PushedImage[] = [];
  for (const name of names) {
    signal?.throwIfAborted();
    const step = `pushing ${name}`;
    await runStep(onProgress, { id: step, name: step }, async () => {
      pushed.push(
        await pusher.push(image, name, {
          signal,
          onProgress: onProgress && partsOf(step, onProgress),
          byDigest: pushByDigest,
          insecure: registryInsecure,
        }),
      );
    });
  }
  return pushed;
}

/** Tells the steps of one push from those of the next, which may be about the same blobs. */
function partsOf(step: string, onProgress: ProgressListener): ProgressListener {
  return (event) =>
    onProgress({
      ...event,
      id: `${step}: ${event.id}`,
      parent: event.parent === undefined ? step : `${step}: ${event.parent}`,
    });
}
