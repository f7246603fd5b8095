import type { HasherFactory } from "../hash/hasher.ts";
import { digestOf } from "../hash/index.ts";
import type { Digest } from "../oci/digest.ts";
import { directoryLines, leafKey } from "./directory-form.ts";
import type { Leaf } from "./node.ts";
import type { DirectoryNode, NodeAttributes, TreeNode } from "./tree.ts";

const encoder = new TextEncoder();

/**
 * Keeps equal things one: directories with the same digest are the same object as long as anybody holds it, and so are the
 * nodes of a group of hard links. It holds nothing itself. In an engine without weak references nothing is shared beyond
 * what trees share by being made of each other.
 */
export class NodeTable {
  readonly #hasher: HasherFactory | undefined;
  readonly #directories: WeakValues<Digest, DirectoryNode> = new WeakValues();
  readonly #leaves: WeakValues<string, Leaf> = new WeakValues();

  /** @param hasher makes the directories' digests */
  constructor(hasher: HasherFactory | undefined) {
    this.#hasher = hasher;
  }

  /** The digest of a line of a directory's canonical form. */
  readonly digestOfLine = (line: string): Digest => digestOf(encoder.encode(line), this.#hasher);

  /** The directory with this digest, if somebody holds it. */
  find(digest: Digest): DirectoryNode | undefined {
    return this.#directories.get(digest);
  }

  /** The directory with these attributes and entries, which are in bytewise order and are not changed afterwards. */
  directory(attributes: NodeAttributes, entries: ReadonlyMap<string, TreeNode>, base?: DirectoryNode): DirectoryNode {
    const digest = this.digestOfLine(directoryLines(attributes, entries, this.digestOfLine).line);
    if (base?.digest === digest) return base;
    return this.find(digest) ?? this.keep({ type: "directory", ...attributes, entries, digest });
  }

  /** Makes a directory, whose digest is right, the one with this digest. */
  keep(directory: DirectoryNode): DirectoryNode {
    this.#directories.set(directory.digest, directory);
    return directory;
  }

  /** The one object for a group of hard links. */
  linked<T extends Leaf>(leaf: T): Leaf {
    const key = leafKey(leaf);
    const known = this.#leaves.get(key);
    if (known !== undefined) return known;
    this.#leaves.set(key, leaf);
    return leaf;
  }
}

/** A map whose values may be collected. */
class WeakValues<K, V extends object> {
  readonly #references = new Map<K, WeakRef<V>>();
  readonly #registry: FinalizationRegistry<K> | undefined;

  constructor() {
    if (typeof FinalizationRegistry !== "function") return;
    this.#registry = new FinalizationRegistry((key) => {
      // Meanwhile another object may have taken its place.
      if (this.get(key) === undefined) this.#references.delete(key);
    });
  }

  get(key: K): V | undefined {
    return this.#references.get(key)?.deref();
  }

  set(key: K, value: V): void {
    if (this.#registry === undefined) return;
    this.#references.set(key, new WeakRef(value));
    this.#registry.register(value, key);
  }
}
