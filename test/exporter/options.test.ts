import { describe, expect, it } from "vitest";
import type { ExporterOptions } from "../../src/exporter/exporter.ts";
import { type ResolvedOptions, resolveOptions } from "../../src/exporter/options.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

type Options = ExporterOptions | Record<string, string>;

/** Resolves options and collects what is told to `onWarning`. */
function resolve(options: Options, images = true, pusher = true): { resolved: ResolvedOptions; warnings: string[] } {
  const warnings: string[] = [];
  const resolved = resolveOptions(
    { ...options, onWarning: (message: string) => warnings.push(message) },
    { images, pusher },
  );
  return { resolved, warnings };
}

describe("exporter options", () => {
  it("have BuildKit's defaults, with OCI media types", () => {
    expect(resolve({}).resolved).toMatchObject({
      names: [],
      compression: "gzip",
      compressionLevel: undefined,
      forceCompression: false,
      ociMediatypes: true,
      annotations: [],
      sourceDateEpoch: undefined,
      rewriteTimestamp: false,
      nameCanonical: false,
      danglingNamePrefix: undefined,
      danglingNameEmptyOnly: false,
      store: true,
      mtimeChanges: true,
      xattrs: undefined,
    });
  });

  it("mean the same in the typed form and as strings under BuildKit's keys", () => {
    const typed = resolve({
      name: ["app:1", "app:2"],
      compression: "uncompressed",
      forceCompression: true,
      ociMediatypes: false,
      sourceDateEpoch: 1700000000,
      rewriteTimestamp: true,
      nameCanonical: true,
      danglingNamePrefix: "dangling",
      danglingNameEmptyOnly: true,
      store: false,
      mtimeChanges: false,
      annotations: { "annotation.a": "1" },
    });
    const strings = resolve({
      name: "app:1,app:2",
      compression: "uncompressed",
      "force-compression": "true",
      "oci-mediatypes": "false",
      "source-date-epoch": "1700000000",
      "rewrite-timestamp": "true",
      "name-canonical": "true",
      "dangling-name-prefix": "dangling",
      "danging-name-empty-only": "true",
      store: "false",
      "mtime-changes": "false",
      "annotation.a": "1",
    });
    expect({ ...strings.resolved, onWarning: undefined }).toEqual({ ...typed.resolved, onWarning: undefined });
    expect(strings.warnings).toEqual([]);
  });

  it("may be undefined, which is as if they were not there", () => {
    expect(resolve({ name: undefined, compression: undefined, store: undefined }).resolved.compression).toBe("gzip");
  });

  it.each(["1", "t", "T", "true", "TRUE", "True"])("take %s for true, as Go does", (value) => {
    expect(resolve({ "force-compression": value }).resolved.forceCompression).toBe(true);
  });

  it.each(["0", "f", "F", "false", "FALSE", "False"])("take %s for false, as Go does", (value) => {
    expect(resolve({ "oci-mediatypes": value }).resolved.ociMediatypes).toBe(false);
  });

  it("are switched on by an empty value where BuildKit does so", () => {
    expect(resolve({ "force-compression": "", "name-canonical": "", store: "" }).resolved).toMatchObject({
      forceCompression: true,
      nameCanonical: true,
      store: true,
    });
    expect(() => resolve({ "oci-mediatypes": "" })).toThrow(/oci-mediatypes=""/);
  });

  it.each<[Options, RegExp]>([
    [{ "oci-mediatypes": "yes" }, /oci-mediatypes="yes".*true or false/],
    [{ "compression-level": "10" }, /compression-level="10".*0 to 9/],
    [{ "compression-level": "-1" }, /compression-level="-1".*0 to 9/],
    [{ "compression-level": "high" }, /compression-level="high"/],
    [{ "compression-level": "1e0" }, /compression-level/],
    [{ compressionLevel: 1.5 }, /compressionLevel=1.5/],
    [{ compression: "lz4" }, /compression="lz4".*gzip or uncompressed/],
    [{ "source-date-epoch": "yesterday" }, /source-date-epoch="yesterday".*seconds since 1970/],
    [{ "source-date-epoch": "99999999999999" }, /source-date-epoch/],
    [{ sourceDateEpoch: Number.NaN }, /sourceDateEpoch/],
    [{ name: "app/UPPER" }, /name="app\/UPPER".*lower case/],
    [{ name: "a,,b" }, /name=""/],
    [{ name: `app@${DIGEST}` }, /without a digest/],
    [{ "dangling-name-prefix": "a@b" }, /dangling-name-prefix="a@b"/],
    [{ "rewrite-timestamp": "true" }, /rewrite-timestamp.*source-date-epoch/],
    [{ "rewrite-timestamp": "true", "source-date-epoch": "" }, /rewrite-timestamp.*source-date-epoch/],
    [{ compressionLevel: 1, "compression-level": "2" } as Options, /compression-level.*same option/],
    [{ onWarning: "loud" }, /onWarning/],
  ])("refuse %j with INVALID_OPTION, naming option and value", (options, message) => {
    expect(() => resolveOptions(options)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(message) }),
    );
  });

  it.each<[Record<string, string>]>([
    [{ compression: "zstd" }],
    [{ compression: "estargz" }],
    [{ unpack: "1" }],
    [{ "prefer-nondist-layers": "true" }],
  ])("refuse %j of BuildKit's as UNSUPPORTED rather than ignore it", (options) => {
    const [name = ""] = Object.keys(options);
    expect(() => resolveOptions(options)).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining(name) }),
    );
  });

  it("warn of what has no effect, and not of what is switched off", () => {
    expect(
      resolve({ "registry.insecure": "true", "push-by-digest": "true", "oci-artifact": "true" }).warnings.sort(),
    ).toEqual([
      "Option oci-artifact has no effect: the exporter makes no attestations",
      "Option push-by-digest has no effect: nothing is pushed",
      "Option registry.insecure has no effect: nothing is pushed",
    ]);
    expect(
      resolve({ push: "false", unpack: "false", "push-by-digest": "0", "registry.insecure": "f" }).warnings,
    ).toEqual([]);
    expect(() => resolve({ push: "perhaps" })).toThrow(/push="perhaps"/);
    expect(resolve({ compression: "uncompressed", "compression-level": "9" }).warnings).toHaveLength(1);
  });

  it("warn of an option that nobody knows, once each", () => {
    expect(resolve({ frobnicate: "1", constructor: "2" }).warnings).toEqual([
      'Option "frobnicate" is unknown and has no effect',
      'Option "constructor" is unknown and has no effect',
    ]);
  });

  it("normalise names, keep their order and drop what is there twice", () => {
    expect(resolve({ name: "alpine,localhost:5000/a/b:1,docker.io/library/alpine:latest" }).resolved.names).toEqual([
      "docker.io/library/alpine:latest",
      "localhost:5000/a/b:1",
    ]);
    expect(resolve({ name: ["b", "a,c"] }).resolved.names).toEqual([
      "docker.io/library/b:latest",
      "docker.io/library/a:latest",
      "docker.io/library/c:latest",
    ]);
    expect(resolve({ name: "" }).resolved.names).toEqual([]);
  });

  it("refuse names without an image store, unless nothing is to be stored", () => {
    expect(() => resolve({ name: "a" }, false)).toThrow(/name="a".*image store/);
    expect(() => resolve({ "dangling-name-prefix": "a" }, false)).toThrow(/dangling-name-prefix="a".*image store/);
    expect(resolve({ name: "a", store: false }, false).resolved.names).toEqual(["docker.io/library/a:latest"]);
    expect(resolve({}, false).resolved.names).toEqual([]);
  });

  it("take a push with names, also without an image store", () => {
    expect(resolve({ name: "a,localhost:5000/b:1", push: "" }).resolved).toMatchObject({
      names: ["docker.io/library/a:latest", "localhost:5000/b:1"],
      push: true,
      pushByDigest: false,
      registryInsecure: false,
    });
    expect(resolve({ name: "a", push: true, registryInsecure: true }, false).resolved).toMatchObject({
      push: true,
      registryInsecure: true,
    });
    expect(() => resolve({ name: "a", push: "true", "dangling-name-prefix": "x" }, false)).toThrow(
      /dangling.*image store/,
    );
  });

  it("refuse a push without a name, and without somebody who pushes", () => {
    for (const [options, pusher, message] of [
      [{ push: "true" }, true, /push=true.*together with name/],
      [{ push: "true", name: "" }, true, /push=true.*together with name/],
      [{ push: true, name: "a" }, false, /push=true.*pusher/],
    ] as const) {
      expect(() => resolve(options, true, pusher)).toThrow(
        expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(message) }),
      );
    }
  });

  it("take repositories and no tags for a push by digest", () => {
    const options = { push: "true", "push-by-digest": "true" };
    expect(resolve({ ...options, name: "a,localhost:5000/b,a" }).resolved).toMatchObject({
      names: ["docker.io/library/a", "localhost:5000/b"],
      pushByDigest: true,
    });
    for (const name of ["a:1", "b,localhost:5000/a:latest", "localhost:5000"]) {
      expect(() => resolve({ ...options, name })).toThrow(/without a tag together with push-by-digest/);
    }
    // Without a push there is nothing that it could be about.
    expect(resolve({ "push-by-digest": "true", name: "a:1" }).resolved).toMatchObject({
      names: ["docker.io/library/a:1"],
      pushByDigest: false,
    });
  });

  it("take an epoch before 1970", () => {
    expect(resolve({ "source-date-epoch": "-1" }).resolved.sourceDateEpoch).toBe(-1);
    expect(resolve({ "source-date-epoch": "0" }).resolved.sourceDateEpoch).toBe(0);
  });
});
