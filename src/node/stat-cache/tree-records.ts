import { createHash } from "node:crypto";
import type { MetadataStore } from "../../snapshots/metadata.ts";
import { cutParts, decodePart, encodePart, nameOfPart, type RecordedFiles } from "./part.ts";

/** What the keys of all versions begin with. */
const ALL = "stat-cache/";

/** Raised when the form of the records changes. */
const VERSION = 2;

const PREFIX = `${ALL}${VERSION}/`;

/** Trees that are remembered. */
const TREES = 64;

/** Seconds after which it is noted again that a tree is in use. */
const DAY = 24 * 60 * 60;

/** What stands for a tree: its parts by name, and when it was last used in seconds since 1970. */
interface Head {
  readonly used: number;
  readonly parts: readonly string[];
  /** What the digests of directories and the extended attributes depend on besides the directory; empty: they are not known. */
  readonly form: string;
}

/** What is recorded of a tree. */
export interface RecordedTree {
  readonly form: string;
  readonly directories: readonly RecordedFiles[];
}

/**
 * The records of one tree in a metadata store: parts, named by what is in them, and a record that lists them and is written last. Of
 * two builds that end at the same time the last one stands; a part that a list names and that is not there means files to be read.
 */
export class TreeRecords {
  readonly #metadata: MetadataStore;
  /** Key of the record that lists the parts; theirs begin with it and a slash. */
  readonly #key: string;

  /** @param root real path of the tree */
  constructor(metadata: MetadataStore, root: string) {
    this.#metadata = metadata;
    this.#key = PREFIX + createHash("sha256").update(root, "utf8").digest("hex");
  }

  /** What is recorded, as far as it can be read. */
  async load(): Promise<RecordedTree> {
    const { parts, form } = await this.#head();
    const loaded = await Promise.all(parts.map((name) => this.#metadata.get(`${this.#key}/${name}`)));
    return { form, directories: loaded.flatMap((part) => (part === undefined ? [] : decodePart(part))) };
  }

  /** Replaces what is recorded; only parts that changed are written. */
  async save(directories: Iterable<RecordedFiles>, form: string, now: number): Promise<void> {
    const metadata = this.#metadata;
    const before = await this.#head();
    const there = new Set(before.parts);
    const parts: string[] = [];
    for (const part of cutParts(directories)) {
      const bytes = encodePart(part);
      const name = nameOfPart(bytes);
      if (!there.has(name)) await metadata.set(`${this.#key}/${name}`, bytes);
      parts.push(name);
    }
    await this.#write({ used: now, parts, form });
    const stay = new Set(parts.map((name) => `${this.#key}/${name}`));
    for (const key of await metadata.keys(`${this.#key}/`)) if (!stay.has(key)) await metadata.delete(key);
    if (before.used === 0) await this.#forgetOthers();
  }

  /** Notes that the records were used, and are as they were. */
  async touch(now: number): Promise<void> {
    const head = await this.#head();
    if (head.used > now || head.used < now - DAY) await this.#write({ ...head, used: now });
  }

  /** Removes all records of the tree. */
  async forget(): Promise<void> {
    await forgetTree(this.#metadata, this.#key);
  }

  async #head(): Promise<Head> {
    return parseHead(await this.#metadata.get(this.#key));
  }

  async #write(head: Head): Promise<void> {
    await this.#metadata.set(this.#key, new TextEncoder().encode(JSON.stringify(head)));
  }

  /** Forgets the trees that were not used for longest, and what earlier versions recorded: nobody else would ever remove it. */
  async #forgetOthers(): Promise<void> {
    const heads: { readonly key: string; readonly used: number }[] = [];
    for (const key of await this.#metadata.keys(ALL)) {
      if (isOfEarlierVersion(key)) await this.#metadata.delete(key);
      if (!key.startsWith(PREFIX) || key.includes("/", PREFIX.length)) continue;
      heads.push({ key, used: parseHead(await this.#metadata.get(key)).used });
    }
    heads.sort((a, b) => b.used - a.used);
    for (const { key } of heads.slice(TREES)) await forgetTree(this.#metadata, key);
  }
}

function isOfEarlierVersion(key: string): boolean {
  const [, version] = /^(\d+)\//.exec(key.slice(ALL.length)) ?? [];
  return version !== undefined && Number(version) < VERSION;
}

/** The list first: without it the parts mean nothing. */
async function forgetTree(metadata: MetadataStore, key: string): Promise<void> {
  await metadata.delete(key);
  for (const part of await metadata.keys(`${key}/`)) await metadata.delete(part);
}

function parseHead(bytes: Uint8Array | undefined): Head {
  const none: Head = { used: 0, parts: [], form: "" };
  if (bytes === undefined) return none;
  try {
    const { used, parts, form } = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
    if (typeof used !== "number" || !Array.isArray(parts)) return none;
    return {
      used,
      form: typeof form === "string" ? form : "",
      parts: parts.filter((part) => typeof part === "string" && /^[0-9a-f]{32}$/.test(part)),
    };
  } catch {
    return none;
  }
}
