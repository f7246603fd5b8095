import { SlipwayError } from "../../errors.ts";
import type { Image } from "../../images/store.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { isDigest } from "../../oci/digest.ts";

/** One element of `manifests`, as it stands in the file. */
export type IndexEntry = Readonly<Record<string, unknown>>;

/** The full name, as containerd and BuildKit write it. */
const FULL_NAME = "io.containerd.image.name";
/** image-spec `annotations.md`: in a layout, what tools choose an image by: the tag, for most. */
const REF_NAME = "org.opencontainers.image.ref.name";
const CREATED = "org.opencontainers.image.created";
/** Instead of {@link CREATED} where the target has that one itself. Empty: no time. */
const OWN_CREATED = "dev.slipway.image.created";
const LABEL = "dev.slipway.image.label.";

/** The name of the image that an entry is: the full one, or, in layouts by tools that write none, what they choose it by. */
export function nameOfEntry(entry: IndexEntry): string | undefined {
  const annotations = annotationsOf(entry);
  return annotations.get(FULL_NAME) || annotations.get(REF_NAME) || undefined;
}

export function hasName(entry: IndexEntry, name: string): boolean {
  return nameOfEntry(entry) === name;
}

/** @throws SlipwayError `INVALID_DOCUMENT` if the entry is no descriptor */
export function imageOf(entry: IndexEntry, path: string): Image {
  const { annotations: _, ...target } = parseEntry(entry, path);
  const annotations = annotationsOf(entry);
  const name = nameOfEntry(entry) ?? "";
  const labels = new Map<string, string>();
  const kept = new Map<string, string>();
  const ownCreated = annotations.get(OWN_CREATED);
  for (const [key, value] of annotations) {
    if (key === FULL_NAME || key === REF_NAME || key === OWN_CREATED) continue;
    if (key === CREATED && ownCreated === undefined) continue;
    if (key.startsWith(LABEL)) labels.set(key.slice(LABEL.length), value);
    else kept.set(key, value);
  }
  const createdAt = ownCreated ?? annotations.get(CREATED) ?? "";
  return {
    name,
    target: { ...target, ...(kept.size === 0 ? {} : { annotations: Object.fromEntries(kept) }) },
    ...(labels.size === 0 ? {} : { labels: Object.fromEntries(labels) }),
    ...(createdAt === "" ? {} : { createdAt }),
  };
}

/**
 * The entry of an image.
 * @param others all other entries: the tag alone is what tools choose the image by, if no other has it; else it is the full name
 * @param previous the entry that it takes the place of, which keeps what it is chosen by
 */
export function entryOf(image: Image, others: readonly IndexEntry[], previous?: IndexEntry): IndexEntry {
  const { target, name, labels = {}, createdAt } = image;
  const annotations = new Map(Object.entries(target.annotations ?? {}));
  const targetHasCreated = annotations.has(CREATED);
  const taken = new Set(others.map((other) => annotationsOf(other).get(REF_NAME)));
  const tag = tagOf(name);
  const refName =
    (previous === undefined ? undefined : annotationsOf(previous).get(REF_NAME)) ??
    (tag === "" || taken.has(tag) ? name : tag);
  annotations.set(FULL_NAME, name).set(REF_NAME, refName);
  if (targetHasCreated) annotations.set(OWN_CREATED, createdAt ?? "");
  else if (createdAt !== undefined) annotations.set(CREATED, createdAt);
  for (const [key, value] of Object.entries(labels)) annotations.set(LABEL + key, value);
  const sorted = [...annotations].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...target, annotations: Object.fromEntries(sorted) };
}

/** @throws SlipwayError `INVALID_DOCUMENT` */
export function parseEntry(entry: IndexEntry, path: string): Descriptor {
  const { mediaType, digest, size } = entry;
  const named = nameOfEntry(entry);
  const refuse = (why: string): SlipwayError =>
    new SlipwayError(
      "INVALID_DOCUMENT",
      `Cannot read ${path}: the entry ${named ?? JSON.stringify(digest)} has ${why}`,
    );
  if (typeof mediaType !== "string") throw refuse("no mediaType");
  if (!isDigest(digest)) throw refuse("no digest that is one");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw refuse("no size in bytes");
  return { ...entry, mediaType, digest, size };
}

/** The tag of a name such as `docker.io/library/hello:1`; empty if it has none. */
function tagOf(name: string): string {
  const last = name.slice(name.lastIndexOf("/") + 1);
  if (last.includes("@")) return "";
  const colon = last.indexOf(":");
  return colon === -1 ? "" : last.slice(colon + 1);
}

function annotationsOf(entry: IndexEntry): ReadonlyMap<string, string> {
  const { annotations } = entry;
  if (typeof annotations !== "object" || annotations === null) return new Map();
  return new Map(Object.entries(annotations).filter(([, value]) => typeof value === "string"));
}
