import { assert, assertEqual, type ConformanceCase } from "../../conformance.ts";
import type { MetadataStore } from "../metadata.ts";

/** One case over a fresh store. */
export interface MetadataStoreCase {
  readonly name: string;
  run(store: MetadataStore): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const metadataStoreCases: readonly MetadataStoreCase[] = [
  {
    name: "has nothing at first",
    async run(store) {
      assertEqual(await store.get("a/b"), undefined, "a record that was never set");
      assertEqual(await store.keys(""), [], "all keys");
    },
  },
  {
    name: "gives back what was set, and what replaced it",
    async run(store) {
      await store.set("a/b", bytes("one"));
      assertEqual(await store.get("a/b"), bytes("one"), "a/b");
      await store.set("a/b", bytes("two"));
      assertEqual(await store.get("a/b"), bytes("two"), "a/b after another set");
      assertEqual(await store.get("a"), undefined, "a, which only begins a key");
    },
  },
  {
    name: "keeps a value of no bytes apart from no value",
    async run(store) {
      await store.set("empty", new Uint8Array());
      assertEqual(await store.get("empty"), new Uint8Array(), "an empty value");
      assertEqual(await store.compareAndSet("empty", undefined, bytes("x")), false, "expecting none where one is");
      assertEqual(await store.compareAndSet("empty", new Uint8Array(), bytes("x")), true, "expecting the empty one");
    },
  },
  {
    name: "keeps values of several MiB and all byte values",
    async run(store) {
      const value = Uint8Array.from({ length: 3 * 1024 * 1024 + 1 }, (_, i) => (i * 7) & 0xff);
      await store.set("large", value);
      const found = await store.get("large");
      assert(found !== undefined && found.byteLength === value.byteLength, "the large value has another length");
      assert(
        found.every((byte, i) => byte === value[i]),
        "the large value has other bytes",
      );
    },
  },
  {
    name: "keeps its own copy of a value",
    async run(store) {
      const value = bytes("one");
      await store.set("a", value);
      value.fill(0);
      const found = await store.get("a");
      assertEqual(found, bytes("one"), "a after the caller changed its array");
      found?.fill(0);
      assertEqual(await store.get("a"), bytes("one"), "a after a reader changed its array");
    },
  },
  {
    name: "deletes, and does nothing if there is nothing",
    async run(store) {
      await store.set("a", bytes("one"));
      await store.delete("a");
      assertEqual(await store.get("a"), undefined, "a after delete");
      await store.delete("a");
      assertEqual(await store.keys(""), [], "all keys");
    },
  },
  {
    name: "lists the keys with a prefix in ascending order",
    async run(store) {
      for (const key of ["b/2", "a/10", "a/1", "a/1%2Fx", "ab", "B", "a/2"]) await store.set(key, bytes(key));
      assertEqual(await store.keys("a/"), ["a/1", "a/1%2Fx", "a/10", "a/2"], "keys that begin with a/");
      assertEqual(await store.keys("a"), ["a/1", "a/1%2Fx", "a/10", "a/2", "ab"], "keys that begin with a");
      assertEqual(await store.keys(""), ["B", "a/1", "a/1%2Fx", "a/10", "a/2", "ab", "b/2"], "all keys");
      assertEqual(await store.keys("c"), [], "keys that begin with c");
    },
  },
  {
    name: "takes keys of every printable ASCII character that a path of encoded names has",
    async run(store) {
      const key = "snapshots/AZaz09-_!~*'()%20%2E%E2%82%AC/0";
      await store.set(key, bytes("x"));
      assertEqual(await store.get(key), bytes("x"), key);
      assertEqual(await store.keys("snapshots/"), [key], "all keys");
      assertEqual(await store.get(key.toLowerCase()), undefined, "the key in lower case");
    },
  },
  {
    name: "compares and sets: creates, replaces and removes only where the record is as expected",
    async run(store) {
      assertEqual(await store.compareAndSet("a", bytes("x"), bytes("one")), false, "expecting a value where none is");
      assertEqual(await store.get("a"), undefined, "a");
      assertEqual(await store.compareAndSet("a", undefined, bytes("one")), true, "creating");
      assertEqual(await store.compareAndSet("a", undefined, bytes("two")), false, "creating again");
      assertEqual(await store.compareAndSet("a", bytes("two"), bytes("two")), false, "expecting another value");
      assertEqual(
        await store.compareAndSet("a", bytes("on"), bytes("two")),
        false,
        "expecting a beginning of the value",
      );
      assertEqual(await store.get("a"), bytes("one"), "a");
      assertEqual(await store.compareAndSet("a", bytes("one"), bytes("two")), true, "replacing");
      assertEqual(await store.compareAndSet("a", bytes("one"), undefined), false, "removing another value");
      assertEqual(await store.compareAndSet("a", bytes("two"), undefined), true, "removing");
      assertEqual(await store.get("a"), undefined, "a after it was removed");
      assertEqual(await store.compareAndSet("a", undefined, undefined), true, "expecting nothing, setting nothing");
    },
  },
  {
    name: "lets exactly one of many compare-and-sets at the same time win",
    async run(store) {
      const rounds = 10;
      for (let round = 0; round < rounds; round++) {
        const before = round === 0 ? undefined : bytes(`round ${round - 1}`);
        const tries = Array.from({ length: 8 }, () => store.compareAndSet("a", before, bytes(`round ${round}`)));
        assertEqual((await Promise.all(tries)).filter((won) => won).length, 1, `winners of round ${round}`);
      }
    },
  },
];

/** What two objects over one store must keep to. */
export function sharedMetadataCases(
  open: () => Promise<MetadataStore>,
  reopen: () => Promise<MetadataStore>,
): readonly ConformanceCase[] {
  return [
    {
      name: "reopened: has what was set",
      async run() {
        await (await open()).set("a/b", bytes("one"));
        const store = await reopen();
        assertEqual(await store.get("a/b"), bytes("one"), "a/b");
        assertEqual(await store.keys("a/"), ["a/b"], "keys");
      },
    },
    {
      name: "two at once: no compare-and-set is lost",
      async run() {
        const stores = [await open(), await reopen()];
        const count = async (store: MetadataStore): Promise<void> => {
          for (let done = 0; done < 20; ) {
            const before = await store.get("counter");
            const next = Number(new TextDecoder().decode(before ?? bytes("0"))) + 1;
            if (await store.compareAndSet("counter", before, bytes(String(next)))) done++;
          }
        };
        await Promise.all(stores.map(count));
        assertEqual(await stores[0]?.get("counter"), bytes("40"), "counter");
      },
    },
  ];
}
