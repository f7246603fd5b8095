/**
 * What every `ImageStore` must do, as a list of named cases for any test runner.
 *
 * @example
 * ```ts
 * import { createMemoryImageStore } from "slipway/images";
 * import { imageStoreConformance } from "slipway/images/conformance";
 *
 * for (const { run } of imageStoreConformance(async () => createMemoryImageStore())) await run();
 * ```
 *
 * @module
 */

import { assert, assertEqual, assertRejects, type ConformanceCase } from "../conformance.ts";
import type { SlipwayErrorCode } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Image, ImageStore } from "./store.ts";

export type { ConformanceCase } from "../conformance.ts";

/**
 * What every {@link ImageStore} must do, after the tests of containerd's.
 * @param open an empty store of its own for every case
 */
export function imageStoreConformance(open: () => Promise<ImageStore>): readonly ConformanceCase[] {
  return Object.entries(CASES).map(([name, check]) => ({ name, run: async () => check(await open()) }));
}

const digestOfDigit = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

function image(name: string, digit = "a"): Image {
  return {
    name,
    target: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOfDigit(digit), size: 10 },
  };
}

const FULL: Image = {
  name: "docker.io/library/hello:latest",
  target: {
    mediaType: "application/vnd.oci.image.index.v1+json",
    digest: digestOfDigit("b"),
    size: 1234,
    annotations: { "org.example.note": "of the target" },
    platform: { architecture: "arm", os: "linux", variant: "v7" },
  },
  labels: { "org.example.label": "one", other: "" },
  createdAt: "2024-02-29T23:59:59Z",
};

/** Equal but for labels that are none or absent. */
function assertImage(actual: Image, expected: Image, what: string): void {
  assertEqual({ ...actual, labels: actual.labels ?? {} }, { ...expected, labels: expected.labels ?? {} }, what);
}

async function names(store: ImageStore): Promise<string[]> {
  return (await store.list()).map(({ name }) => name);
}

const CASES: Readonly<Record<string, (store: ImageStore) => Promise<void>>> = {
  "begins empty": async (store) => {
    assertEqual(await store.list(), [], "list");
  },

  "keeps all of an image": async (store) => {
    assertImage(await store.create(FULL), FULL, "what create returns");
    assertImage(await store.get(FULL.name), FULL, "what get returns");
    const [listed] = await store.list();
    assert(listed !== undefined, "the image is not in the list");
    assertImage(listed, FULL, "what list returns");
  },

  "keeps an image that has neither labels nor a time as it is": async (store) => {
    await store.create(image("plain"));
    const got = await store.get("plain");
    assertImage(got, image("plain"), "image");
    assertEqual(got.createdAt, undefined, "createdAt");
  },

  "lists by name, whatever the order of creation": async (store) => {
    for (const name of ["b/x:2", "a", "b/x:1", "Z", "b/x:10"]) await store.create(image(name));
    assertEqual(await names(store), ["Z", "a", "b/x:1", "b/x:10", "b/x:2"], "names");
  },

  "takes any name that is not empty": async (store) => {
    const odd = ["__proto__", "constructor", "with space", "../escape", "ümlaut/名:1", "a".repeat(400), "sha256@x"];
    for (const name of odd) await store.create(image(name));
    for (const name of odd) assertEqual((await store.get(name)).name, name, "name");
    assertEqual((await names(store)).sort(), [...odd].sort(), "names");
  },

  "get, update and delete of an unknown name are NOT_FOUND": async (store) => {
    await store.create(image("known"));
    for (const name of ["unknown", "know", "known:latest", "__proto__", "toString"]) {
      await assertRejects(store.get(name), "NOT_FOUND", `get ${name}`);
      await assertRejects(store.update(image(name)), "NOT_FOUND", `update ${name}`);
      await assertRejects(store.delete(name), "NOT_FOUND", `delete ${name}`);
    }
    assertEqual(await names(store), ["known"], "names");
  },

  "create of a known name is ALREADY_EXISTS and changes nothing": async (store) => {
    await store.create(FULL);
    await assertRejects(store.create(image(FULL.name, "c")), "ALREADY_EXISTS", "second create");
    assertImage(await store.get(FULL.name), FULL, "image");
  },

  "update replaces target, labels and time": async (store) => {
    await store.create(FULL);
    const next: Image = { ...image(FULL.name, "d"), labels: { new: "yes" }, createdAt: "1970-01-01T00:00:00Z" };
    assertImage(await store.update(next), next, "what update returns");
    assertImage(await store.get(FULL.name), next, "image");
    await store.update(image(FULL.name, "e"));
    assertImage(await store.get(FULL.name), image(FULL.name, "e"), "image without labels");
    assertEqual(await names(store), [FULL.name], "names");
  },

  "update leaves other images alone": async (store) => {
    await store.create(image("one", "1"));
    await store.create(image("two", "1"));
    await store.update(image("two", "2"));
    assertImage(await store.get("one"), image("one", "1"), "the other image");
  },

  "several names may stand for one target": async (store) => {
    await store.create(image("one"));
    await store.create(image("two"));
    await store.delete("one");
    assertImage(await store.get("two"), image("two"), "the other name");
    assertEqual(await names(store), ["two"], "names");
  },

  "a deleted name is gone and can be created again": async (store) => {
    await store.create(FULL);
    await store.delete(FULL.name);
    await assertRejects(store.get(FULL.name), "NOT_FOUND", "get");
    await assertRejects(store.delete(FULL.name), "NOT_FOUND", "second delete");
    assertEqual(await store.list(), [], "list");
    await store.create(image(FULL.name));
    assertImage(await store.get(FULL.name), image(FULL.name), "image");
  },

  "of many creates of one name at once exactly one wins": async (store) => {
    const digits = ["1", "2", "3", "4", "5"];
    const results = await Promise.allSettled(digits.map((digit) => store.create(image("race", digit))));
    const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    for (const result of results) {
      if (result.status === "rejected") await assertRejects(Promise.reject(result.reason), "ALREADY_EXISTS", "loser");
    }
    const [winner] = won;
    assert(won.length === 1 && winner !== undefined, `${won.length} creates won`);
    assertImage(await store.get("race"), winner, "what the store has");
  },

  "changes of different names at once are all kept": async (store) => {
    const wanted = Array.from({ length: 20 }, (_, index) => `at-once-${String(index).padStart(2, "0")}`);
    await store.create(image("old"));
    await Promise.all([store.delete("old"), ...wanted.map((name) => store.create(image(name)))]);
    assertEqual(await names(store), wanted, "names");
    await Promise.all(wanted.map((name) => store.update(image(name, "9"))));
    for (const stored of await store.list()) assertEqual(stored.target.digest, digestOfDigit("9"), stored.name);
  },

  "what the caller does to its objects later does not reach the store": async (store) => {
    const labels: Record<string, string> = { key: "before" };
    await store.create({ ...image("mine"), labels });
    labels.key = "after";
    assertEqual((await store.get("mine")).labels, { key: "before" }, "labels");
    const got = await store.get("mine");
    Object.assign(got.target, { size: 99 });
    assertEqual((await store.get("mine")).target.size, 10, "size");
  },

  "update and delete on condition change nothing of a name that stands for something else": async (store) => {
    await store.create(FULL);
    const other = image(FULL.name, "d");
    const expected = { replaces: digestOfDigit("c") };
    await assertRejects(store.update(other, expected), "FAILED_PRECONDITION", "update of another target");
    await assertRejects(store.delete(FULL.name, { target: digestOfDigit("c") }), "FAILED_PRECONDITION", "delete");
    assertImage(await store.get(FULL.name), FULL, "image");
    await assertRejects(store.update(image("unknown"), expected), "NOT_FOUND", "update of an unknown name");
    await assertRejects(store.delete("unknown", { target: digestOfDigit("c") }), "NOT_FOUND", "delete of it");
  },

  "update and delete on condition do their work where the name stands for it": async (store) => {
    await store.create(image("one", "b"));
    await store.create(image("other", "b"));
    const next = image("one", "d");
    assertImage(await store.update(next, { replaces: digestOfDigit("b") }), next, "what update returns");
    assertImage(await store.get("one"), next, "image");
    await store.delete("one", { target: digestOfDigit("d") });
    assertEqual(await names(store), ["other"], "names");
  },

  "of many conditional updates and deletions at once exactly one wins": async (store) => {
    await store.create(image("race", "a"));
    const replaces = digestOfDigit("a");
    const results = await Promise.allSettled([
      ...["1", "2", "3"].map((digit) => store.update(image("race", digit), { replaces })),
      store.delete("race", { target: replaces }),
      ...["4", "5"].map((digit) => store.update(image("race", digit), { replaces })),
    ]);
    assertEqual(results.filter(({ status }) => status === "fulfilled").length, 1, "how many won");
  },

  "refuses what is no image": async (store) => {
    const { target } = image("bad");
    const bad: readonly (readonly [string, Image])[] = [
      ["an empty name", image("")],
      ["no media type", { name: "bad", target: { ...target, mediaType: "" } }],
      ["a digest that is too short", { name: "bad", target: { ...target, digest: "sha256:abc" } }],
      ["a digest that is a path", { name: "bad", target: { ...target, digest: "sha256:../../etc/passwd" } }],
      ["a negative size", { name: "bad", target: { ...target, size: -1 } }],
      ["a size that is no whole number", { name: "bad", target: { ...target, size: 0.5 } }],
      ["a time that is none", { ...image("bad"), createdAt: "yesterday" }],
    ];
    const code: SlipwayErrorCode = "INVALID_ARGUMENT";
    for (const [what, wrong] of bad) await assertRejects(store.create(wrong), code, `create with ${what}`);
    assertEqual(await store.list(), [], "list");
    await store.create(image("bad"));
    for (const [what, wrong] of bad) {
      if (wrong.name !== "") await assertRejects(store.update(wrong), code, `update with ${what}`);
    }
    assertImage(await store.get("bad"), image("bad"), "image");
  },
};
