import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";

/** A name and what it stands for. */
export interface Image {
  /** Normalised reference, for example `docker.io/library/hello:latest`. */
  readonly name: string;
  /** Manifest or index. */
  readonly target: Descriptor;
  /** The caller's own notes; no key is empty. Absent and `{}` are the same. */
  readonly labels?: Readonly<Record<string, string>>;
  /** RFC 3339; from `sourceDateEpoch` or the caller, never from the clock. */
  readonly createdAt?: string;
}

/** On what condition {@link ImageStore.update} changes anything. */
export interface UpdateImageOptions {
  /** Only if the name stands for this now: nobody else has given it to another image meanwhile. Default: whatever it stands for. */
  readonly replaces?: Digest | undefined;
}

/** On what condition {@link ImageStore.delete} deletes: containerd's `DeleteTarget`. */
export interface DeleteImageOptions {
  /** Only if the name stands for this now. Default: whatever it stands for. */
  readonly target?: Digest | undefined;
}

/** Image names, after containerd's `images.Store`. `imageStoreConformance` says in tests what each implementation must do. */
export interface ImageStore {
  /**
   * The image of exactly that name, in full: what `build` was told to call `hello` is `docker.io/library/hello:latest` here.
   * `formatReference(parseReference(name))` of `slipway/oci` makes the one of the other.
   * @throws SlipwayError `NOT_FOUND`
   */
  get(name: string): Promise<Image>;
  /** All images, ordered by name. */
  list(): Promise<readonly Image[]>;
  /** Adds an image. @throws SlipwayError `ALREADY_EXISTS`; `INVALID_ARGUMENT` as `checkImage` does */
  create(image: Image): Promise<Image>;
  /**
   * Replaces target, labels and createdAt. The condition is checked in the same step.
   * @throws SlipwayError `NOT_FOUND`; `FAILED_PRECONDITION` if the name does not stand for what is to be replaced
   */
  update(image: Image, options?: UpdateImageOptions): Promise<Image>;
  /**
   * Removes the name, given in full as for `get`; the blobs stay until they are collected as garbage. The condition is checked in the same step.
   * @throws SlipwayError `NOT_FOUND`; `FAILED_PRECONDITION` if the name stands for something else
   */
  delete(name: string, options?: DeleteImageOptions): Promise<void>;
}
