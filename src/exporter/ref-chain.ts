import { SlipwayError } from "../errors.ts";
import type { Ref, Snapshotter } from "../snapshots/snapshotter.ts";

/** The refs of an image, from the base up, all held by us. */
export interface RefChain {
  readonly refs: readonly Ref[];
  /** The ref that the chain stands on: the snapshot of the base image. */
  readonly base: Ref | undefined;
  /** Lets go of all of them. */
  release(): void;
}

/** The chain of an image without own layers. */
export const NO_CHAIN: RefChain = { refs: [], base: undefined, release: () => undefined };

/**
 * Holds a ref and all its parents down to the snapshot of the base image, which is not part of the chain. The given ref is held
 * anew, so that its owner may release it meanwhile. If a parent cannot be had, everything is released.
 * @param base key of the snapshot where the chain is cut
 * @throws SlipwayError `NOT_FOUND`, `FAILED_PRECONDITION` from the snapshotter; `INVALID_ARGUMENT` if the chain does not stand on `base`
 */
export async function holdChain(snapshots: Snapshotter, top: Ref, base: string | undefined): Promise<RefChain> {
  const held: Ref[] = [];
  const release = (): void => {
    for (const ref of held) ref.release();
  };
  try {
    let key: string | undefined = top.key;
    while (key !== undefined && key !== base) {
      const ref: Ref = await snapshots.get(key);
      held.push(ref);
      key = ref.parent;
    }
    const refs = [...held].reverse();
    if (base === undefined) return { refs, base: undefined, release };
    if (key === undefined) {
      throw new SlipwayError(
        "INVALID_ARGUMENT",
        `Cannot export snapshot ${top.key}: it was not made on ${base}, the snapshot of the base image`,
      );
    }
    const baseRef = await snapshots.get(base);
    held.push(baseRef);
    return { refs, base: baseRef, release };
  } catch (error) {
    release();
    throw error;
  }
}
