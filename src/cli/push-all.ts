import type { PushableImage, PushedImage, PushOptions } from "../exporter/index.ts";
import type { ProgressListener } from "../index.ts";
import type { Registry } from "../registry/index.ts";

/** Pushes an image under one name after the other, so that what came to a registry under the first is there for the next. */
export async function pushAll(
  registry: Registry,
  image: PushableImage,
  names: readonly string[],
  { onProgress, ...options }: PushOptions,
): Promise<readonly PushedImage[]> {
  const pushed: PushedImage[] = [];
  for (const name of names) {
    pushed.push(await registry.push(image, name, { ...options, onProgress: onProgress && apart(name, onProgress) }));
  }
  return pushed;
}

/** Tells the steps of one push from those of the next, which are about the same blobs. */
function apart(name: string, onProgress: ProgressListener): ProgressListener {
  return (event) =>
    onProgress({
      ...event,
      id: `${name}: ${event.id}`,
      ...(event.parent === undefined ? {} : { parent: `${name}: ${event.parent}` }),
    });
}
