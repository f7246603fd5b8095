import { isSlipwayError, SlipwayError } from "../errors.ts";
import type { Image, ImageStore } from "../images/store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { formatTimestamp } from "../oci/time.ts";
import { type OperationOptions, runStep } from "../progress.ts";
import type { ResolvedOptions } from "./options.ts";

/** How often a name may change hands between our update and our create before we give up. */
const ATTEMPTS = 100;

/** The caller's names as the image has them: `NAME@DIGEST` if it is pushed by digest. */
export function givenNames({ names, pushByDigest }: ResolvedOptions, digest: string): readonly string[] {
  return pushByDigest ? names.map((name) => `${name}@${digest}`) : names;
}

/** The names an image gets, those of the caller first, and then `PREFIX@DIGEST` where that is asked for. */
export function imageNames(options: ResolvedOptions, digest: string): readonly string[] {
  const { danglingNamePrefix, danglingNameEmptyOnly } = options;
  const names = givenNames(options, digest);
  if (danglingNamePrefix === undefined || (danglingNameEmptyOnly && names.length > 0)) return names;
  return [...names, `${danglingNamePrefix}@${digest}`];
}

/**
 * Makes every name stand for `target` in the store, each as one step "naming to NAME", and with `nameCanonical` also `NAME@DIGEST`.
 * `createdAt` is the epoch or absent.
 */
export async function nameImage(
  images: ImageStore,
  names: readonly string[],
  target: Descriptor,
  options: ResolvedOptions,
  { signal, onProgress }: OperationOptions,
): Promise<void> {
  const { sourceDateEpoch } = options;
  const createdAt = sourceDateEpoch === undefined ? {} : { createdAt: formatTimestamp(sourceDateEpoch) };
  for (const name of names) {
    signal?.throwIfAborted();
    const step = `naming to ${name}`;
    await runStep(onProgress, { id: step, name: step }, async () => {
      await createOrUpdate(images, { name, target, ...createdAt });
      if (options.nameCanonical && !name.includes("@")) {
        await createOrUpdate(images, { name: `${name}@${target.digest}`, target, ...createdAt });
      }
    });
  }
}

/**
 * Makes a name stand for an image, whatever it stood for. Another writer may remove the name after our update failed for want of it,
 * or create it before we do.
 * @throws SlipwayError `UNAVAILABLE` if others do so all the time
 */
export async function createOrUpdate(images: ImageStore, image: Image): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await images.update(image);
      return;
    } catch (error) {
      if (!isSlipwayError(error, "NOT_FOUND")) throw error;
    }
    try {
      await images.create(image);
      return;
    } catch (error) {
      if (!isSlipwayError(error, "ALREADY_EXISTS")) throw error;
    }
  }
  throw new SlipwayError(
    "UNAVAILABLE",
    `Cannot name the image ${image.name}: others create and remove that name all the time`,
  );
}
