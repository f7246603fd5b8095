import type { OperationOptions, ProgressListener } from "../progress.ts";
import type { ImagePusher, PushableImage, PushedImage } from "./image-pusher.ts";
import type { ResolvedOptions } from "./options.ts";

/**
 * Pushes an image under each of its names, one after the other, so that what went to a registry under one name is there for the
 * next one.
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
    pushed.push(
      await pusher.push(image, name, {
        signal,
        onProgress: onProgress && stepsOf(name, onProgress),
        byDigest: pushByDigest,
        insecure: registryInsecure,
      }),
    );
  }
  return pushed;
}

/** Tells the steps of one push from those of the next, which are about the same blobs. The whole push is a step with the name in it. */
function stepsOf(name: string, onProgress: ProgressListener): ProgressListener {
  const wholes = new Set<string>();
  const own = (id: string): string => (wholes.has(id) ? id : `${name}: ${id}`);
  return (event) => {
    if (event.parent === undefined) {
      wholes.add(event.id);
      onProgress(event);
    } else {
      onProgress({ ...event, id: own(event.id), parent: own(event.parent) });
    }
  };
}
