import type { Descriptor } from "../oci/descriptor.ts";

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

/** Image names, after containerd's `images.Store`. `imageStoreConformance` says in tests what each implementation must do. */
export interface ImageStore {
  /** The image of exactly that name. @throws SlipwayError `NOT_FOUND` */
  get(name: string): Promise<Image>;
  /** All images, ordered by name. */
  list(): Promise<readonly Image[]>;
  /** Adds an image. @throws SlipwayError `ALREADY_EXISTS`; `INVALID_ARGUMENT` as `checkImage` does */
  create(image: Image): Promise<Image>;
  /** Replaces target, labels and createdAt. @throws SlipwayError `NOT_FOUND` */
  update(image: Image): Promise<Image>;
  /** Removes the name; the blobs stay until they are collected as garbage. @throws SlipwayError `NOT_FOUND` */
  delete(name: string): Promise<void>;
}
