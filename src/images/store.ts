import type { Descriptor } from "../oci/descriptor.ts";

/** A name and what it stands for. */
export interface Image {
  /** Normalised reference, for example `docker.io/library/hello:latest`. */
  readonly name: string;
  /** Manifest or index. */
  readonly target: Descriptor;
  readonly labels?: Readonly<Record<string, string>>;
  /** RFC 3339; from `sourceDateEpoch` or the caller, never from the clock. */
  readonly createdAt?: string;
}

/** Image names, after containerd's `images.Store`. `imageStoreConformance` says in tests what each implementation must do. */
export interface ImageStore {
  /** @throws SlipwayError `NOT_FOUND` */
  get(name: string): Promise<Image>;
  /** All images, ordered by name. */
  list(): Promise<readonly Image[]>;
  /** @throws SlipwayError `ALREADY_EXISTS` */
  create(image: Image): Promise<Image>;
  /** Replaces target, labels and createdAt. @throws SlipwayError `NOT_FOUND` */
  update(image: Image): Promise<Image>;
  /** @throws SlipwayError `NOT_FOUND` */
  delete(name: string): Promise<void>;
}
