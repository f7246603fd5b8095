import { ANNOTATION_KEYS, CONTAINERD_IMAGE_NAME } from "../oci/annotations.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Index, serialiseIndex } from "../oci/image-index.ts";
import { OCI_TYPES } from "../oci/media-types.ts";
import { formatReference, parseReference } from "../oci/reference.ts";

/** The file that makes a directory or archive an OCI layout. image-spec `image-layout.md`. */
export const OCI_LAYOUT_FILE = "oci-layout";
/** The layout's entry point: an index. */
export const OCI_INDEX_FILE = "index.json";
/** The one version of the layout that there is. */
export const OCI_LAYOUT_VERSION = "1.0.0";

/** The bytes of `oci-layout`. */
export function encodeOciLayout(): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify({ imageLayoutVersion: OCI_LAYOUT_VERSION }));
}

/** The bytes of an `index.json` with these entries. */
export function encodeLayoutIndex(entries: readonly Descriptor[]): Uint8Array<ArrayBuffer> {
  return serialiseIndex({ schemaVersion: 2, mediaType: OCI_TYPES.index, manifests: entries });
}

/** What an entry of `index.json` says of its name: at most one of the two. */
export interface EntryName {
  /** Normalised, for example `docker.io/library/hello:latest`. */
  readonly name?: string;
  /** What image-spec has in mind: a tag, or any text that is not a whole name. */
  readonly tag?: string;
}

/**
 * The entries of an image in `index.json`: one for each name, as containerd and BuildKit write them, with the whole name in
 * `io.containerd.image.name` and the tag alone in `org.opencontainers.image.ref.name`. Without names there is one entry.
 * @throws SlipwayError `INVALID_REFERENCE`
 */
export function namedEntries(descriptor: Descriptor, names: readonly string[]): readonly Descriptor[] {
  const { entry } = splitEntry(descriptor);
  if (names.length === 0) return [entry];
  return names.map((text) => {
    const reference = parseReference(text);
    const name = formatReference(reference);
    // A name by digest has no tag; its whole text is a valid ref name, and what containerd writes.
    const refName = reference.digest === undefined ? (reference.tag ?? name) : name;
    const annotations = { ...entry.annotations, [CONTAINERD_IMAGE_NAME]: name, [ANNOTATION_KEYS.refName]: refName };
    return { ...entry, annotations };
  });
}

/**
 * Takes an entry of `index.json` apart: the descriptor as it would be anywhere else, and the name.
 * @throws SlipwayError `INVALID_REFERENCE` if containerd's annotation holds something else than a name
 */
export function splitEntry(descriptor: Descriptor): { readonly entry: Descriptor; readonly name: EntryName } {
  const { annotations = {}, ...bare } = descriptor;
  const {
    [CONTAINERD_IMAGE_NAME]: imageName,
    [ANNOTATION_KEYS.refName]: refName,
    ...others
  }: Readonly<Record<string, string | undefined>> = annotations;
  const kept = Object.entries(others).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  const entry = kept.length === 0 ? bare : { ...bare, annotations: Object.fromEntries(kept) };
  return { entry, name: nameOf(imageName, refName) };
}

function nameOf(imageName: string | undefined, refName: string | undefined): EntryName {
  if (imageName !== undefined) return { name: formatReference(parseReference(imageName)) };
  if (refName === undefined) return {};
  // skopeo puts whatever it was given there, most often a name.
  if (/[/:]/.test(refName)) {
    try {
      return { name: formatReference(parseReference(refName)) };
    } catch {
      return { tag: refName };
    }
  }
  return { tag: refName };
}

/** An image as the entries of an `index.json` name it. */
export interface IndexedImage {
  /** Manifest or index, without the annotations that name it. */
  readonly descriptor: Descriptor;
  /** Normalised: `docker.io/library/hello:latest`. Each once. */
  readonly names: readonly string[];
  /** What entries have that hold no whole name: `latest`. Each once. */
  readonly tags: readonly string[];
}

/** The images of an `index.json`, in its order: entries of one digest are one image with several names. */
export function indexedImages({ manifests }: Index): readonly IndexedImage[] {
  const images = new Map<string, { descriptor: Descriptor; names: Set<string>; tags: Set<string> }>();
  for (const manifest of manifests) {
    const { entry, name } = splitEntry(manifest);
    let image = images.get(entry.digest);
    if (image === undefined) {
      image = { descriptor: entry, names: new Set(), tags: new Set() };
      images.set(entry.digest, image);
    }
    if (name.name !== undefined) image.names.add(name.name);
    if (name.tag !== undefined) image.tags.add(name.tag);
  }
  return [...images.values()].map(({ descriptor, names, tags }) => ({
    descriptor,
    names: [...names],
    tags: [...tags],
  }));
}
