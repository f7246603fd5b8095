import { describe, expect, it } from "vitest";
import {
  type Descriptor,
  DOCKER_TYPES,
  DOCUMENT_LIMIT,
  detectDocument,
  type ImageConfig,
  OCI_TYPES,
  parseAnnotations,
  parseDescriptor,
  parseImageConfig,
  parseIndex,
  parseManifest,
  serialiseImageConfig,
  serialiseIndex,
  serialiseManifest,
} from "../../src/oci/index.ts";

const utf8 = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const error = (code: string, part = ""): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(part) });

const D = `sha256:${"a".repeat(64)}` as const;
const config = { mediaType: OCI_TYPES.config, digest: D, size: 2 };
const layer = { mediaType: OCI_TYPES.layerGzip, digest: D, size: 3 };
const manifest = { schemaVersion: 2, mediaType: OCI_TYPES.manifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: OCI_TYPES.index,
  manifests: [{ mediaType: OCI_TYPES.manifest, digest: D, size: 4 }],
};
const image = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [D] } };

describe("descriptors", () => {
  it("are read with all their fields", () => {
    const descriptor: Descriptor = {
      mediaType: "application/vnd.example.thing+json",
      digest: `sha512:${"0".repeat(128)}`,
      size: 5,
      urls: ["https://example.com/a"],
      annotations: { a: "b" },
      data: "aGVsbG8=",
      platform: { architecture: "arm", os: "linux", variant: "v7", "os.version": "1", "os.features": ["f"] },
      artifactType: "application/vnd.example",
    };
    expect(parseDescriptor(structuredClone(descriptor))).toEqual(descriptor);
  });

  it.each([
    ["must be an object, not null", null],
    ["must be an object, not an array", []],
    ["mediaType is missing", { digest: D, size: 1 }],
    ["mediaType must be a string, not a number", { mediaType: 1, digest: D, size: 1 }],
    ['mediaType is "tar", which is no media type', { mediaType: "tar", digest: D, size: 1 }],
    ['mediaType is "a/b; c=d", which', { mediaType: "a/b; c=d", digest: D, size: 1 }],
    ["size is missing", { mediaType: "a/b", digest: D }],
    ["size is -1, but a size must not be negative", { mediaType: "a/b", digest: D, size: -1 }],
    ["size must be a whole number", { mediaType: "a/b", digest: D, size: "1" }],
    ["size must be a whole number of at most 2^53 - 1", { mediaType: "a/b", digest: D, size: 1.5 }],
    ["size must be a whole number of at most 2^53 - 1", { mediaType: "a/b", digest: D, size: 2 ** 53 }],
    ["size must not be NaN", { mediaType: "a/b", digest: D, size: Number.NaN }],
    ["annotations must be an object, not an array", { ...layer, annotations: ["a"] }],
    ["annotations.a must be a string, not a number", { ...layer, annotations: { a: 1 } }],
    ['annotations["a b"] must be a string, not null', { ...layer, annotations: { "a b": null } }],
    ["annotations has an empty key", { ...layer, annotations: { "": "x" } }],
    ["urls[1] must be a string, not an object", { ...layer, urls: ["https://example.com", {}] }],
    ["platform.os is missing", { ...layer, platform: { architecture: "amd64" } }],
    [
      'platform["os.features"][0] must be a string',
      { ...layer, platform: { architecture: "a", os: "b", "os.features": [1] } },
    ],
    ["data is not base64", { ...layer, data: "a-b_" }],
    ["data is not base64", { ...layer, data: "abc" }],
    ["data is not base64", { ...layer, data: "=abc" }],
    ["data has 5 bytes, but size says 3", { ...layer, data: "aGVsbG8=" }],
    ["Size differs from size in case only", { ...layer, Size: 1 }],
    ["must not be a function", { ...layer, annotations: { a: () => 1 } }],
    ["annotations must be a plain object", { ...layer, annotations: new Date(0) }],
  ])("%s", (message, value) => {
    expect(() => parseDescriptor(value, "layer 1")).toThrow(error("INVALID_DOCUMENT", message));
    expect(() => parseDescriptor(value, "layer 1")).toThrow(/^Cannot use layer 1: /);
  });

  it.each([
    "",
    "sha256:",
    "sha256:abc",
    `sha256:${"A".repeat(64)}`,
    `sha384:${"a".repeat(96)}`,
    `sha256:${"a".repeat(64)}/../x`,
    "sha256:../../../../etc/passwd",
    `${D}\n`,
  ])("whose digest is %j are refused", (digest) => {
    expect(() => parseDescriptor({ ...layer, digest })).toThrow(error("INVALID_DIGEST", "digest is "));
  });

  it("with embedded data of some megabytes are checked without trouble", () => {
    const size = 3 * 2 ** 20;
    expect(parseDescriptor({ ...layer, size, data: "A".repeat(2 ** 22) }).size).toBe(size);
  });
});

describe("manifests", () => {
  it.each([
    ["OCI", manifest],
    ["OCI without mediaType", { schemaVersion: 2, config, layers: [] }],
    ["Docker", { ...manifest, mediaType: DOCKER_TYPES.manifest }],
    [
      "an artifact",
      { ...manifest, artifactType: "application/vnd.example+json", subject: layer, annotations: { a: "b" } },
    ],
  ])("of %s are read", (_what, value) => {
    expect(parseManifest(utf8(value))).toEqual(value);
    expect(detectDocument(utf8(value))).toBe("manifest");
  });

  it("null for layers is an empty list, as Go reads it; null for what may be missing is missing", () => {
    const read = parseManifest(utf8({ ...manifest, layers: null, annotations: null, subject: null }));
    expect(read).toEqual({ ...manifest, layers: [] });
  });

  it.each([
    ["the document must be a JSON object", "[]"],
    ["it is not valid JSON", "{"],
    ["schemaVersion is missing", { ...manifest, schemaVersion: undefined }],
    ["schemaVersion is 1, and only version 2 is known", { ...manifest, schemaVersion: 1 }],
    ["schemaVersion must be a whole number, not a string", { ...manifest, schemaVersion: "2" }],
    ["config is missing", { ...manifest, config: undefined }],
    ["config must be an object, not null", { ...manifest, config: null }],
    ["layers is missing", { ...manifest, layers: undefined }],
    ["layers must be an array, not an object", { ...manifest, layers: {} }],
    ["layers[1] must be an object, not null", { ...manifest, layers: [layer, null] }],
    ["layers[1].size is -5", { ...manifest, layers: [layer, { ...layer, size: -5 }] }],
    ["Layers differs from layers in case only", { ...manifest, Layers: [] }],
    ['layer\u017f"] differs from layers in case only', { ...manifest, "layer\u017f": [] }],
    ["the document is an index, and a manifest is needed", index],
    ["is neither a manifest (config and layers) nor an index", { schemaVersion: 2 }],
    [
      'mediaType is "application/json", which is not that of a manifest',
      { ...manifest, mediaType: "application/json" },
    ],
    ["Docker schema 1 manifest", { schemaVersion: 1, fsLayers: [], history: [], signatures: [] }],
  ])("%s", (message, value) => {
    expect(() => parseManifest(utf8(value), "manifest m")).toThrow(error("INVALID_DOCUMENT", message));
    expect(() => parseManifest(utf8(value), "manifest m")).toThrow(/^Cannot read manifest m: /);
  });

  it("of another media type than the descriptor says are refused", () => {
    expect(() => parseManifest(utf8(manifest), "manifest", DOCKER_TYPES.manifest)).toThrow(
      error("INVALID_DOCUMENT", "but its descriptor says"),
    );
    expect(parseManifest(utf8(manifest), "manifest", OCI_TYPES.manifest)).toEqual(manifest);
    expect(parseManifest(utf8({ ...manifest, mediaType: undefined }), "manifest", OCI_TYPES.manifest).config).toEqual(
      config,
    );
  });

  it("that cannot be read again are not written", () => {
    const bad = { schemaVersion: 2, config: { ...config, size: -1 }, layers: [] } as const;
    expect(() => serialiseManifest(bad)).toThrow(error("INVALID_DOCUMENT", "Cannot write manifest: config.size is -1"));
    const both = { ...manifest, schemaVersion: 2, unknownFields: new Map([["manifests", []]]) } as const;
    expect(() => serialiseManifest(both)).toThrow(error("AMBIGUOUS_DOCUMENT"));
    const half = { ...manifest, schemaVersion: 2, annotations: { a: "\ud800" } } as const;
    expect(() => serialiseManifest(half)).toThrow(error("INVALID_DOCUMENT", "annotations.a has half a surrogate pair"));
    const large = { ...manifest, schemaVersion: 2, annotations: { a: "x".repeat(DOCUMENT_LIMIT) } } as const;
    expect(() => serialiseManifest(large)).toThrow(error("INVALID_DOCUMENT", "a document may have 4194304 at most"));
  });
});

describe("indexes", () => {
  it.each([
    ["OCI", index],
    ["OCI without mediaType", { schemaVersion: 2, manifests: [] }],
    ["Docker", { ...index, mediaType: DOCKER_TYPES.index }],
    ["OCI with a subject", { ...index, subject: layer, artifactType: "application/vnd.example" }],
  ])("of %s are read", (_what, value) => {
    expect(parseIndex(utf8(value))).toEqual(value);
    expect(detectDocument(utf8(value))).toBe("index");
  });

  it("are refused where a manifest stands", () => {
    expect(() => parseIndex(utf8(manifest))).toThrow(
      error("INVALID_DOCUMENT", "is a manifest, and an index is needed"),
    );
  });

  it("of another media type than the descriptor says are refused", () => {
    expect(() => parseIndex(utf8(index), "index", DOCKER_TYPES.index)).toThrow(error("INVALID_DOCUMENT"));
  });

  it("keep what they do not know, in the descriptors and platforms too", () => {
    const foreign =
      '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
      `"digest":"${D}","size":4,"platform":{"architecture":"amd64","os":"linux","features":["sse4"]},"x-note":{"b":1,"a":1.0}}],` +
      '"a-new-field":[9007199254740993]}';
    const written = text(serialiseIndex(parseIndex(utf8(foreign))));
    expect(written.replace(/\n */g, "").replaceAll('": ', '":')).toBe(foreign);
  });
});

// What a client takes for a manifest and another for an index has two contents under one digest (CVE-2021-41190).
describe.each([
  ["manifests in a manifest", { ...manifest, manifests: index.manifests }],
  ["empty manifests in a manifest", { ...manifest, manifests: [] }],
  ["null manifests in a manifest", { ...manifest, manifests: null }],
  ["Manifests, which Go reads as manifests, in a manifest", { ...manifest, Manifests: [] }],
  ["manifeſts, which Go reads as manifests, in a manifest", { ...manifest, manifeſts: [] }],
  ["layers in an index", { ...index, layers: [layer] }],
  ["config in an index", { ...index, config }],
  ["CONFIG in an index", { ...index, CONFIG: config }],
  ["fsLayers in an index", { ...index, fsLayers: [] }],
  ["fsLayers in a manifest", { ...manifest, fsLayers: [] }],
  ["signatures in a manifest", { ...manifest, signatures: [] }],
  ["a manifest that says it is an index", { ...manifest, mediaType: OCI_TYPES.index }],
  ["an index that says it is a manifest", { ...index, mediaType: DOCKER_TYPES.manifest }],
])("%s", (_what, value) => {
  it("is ambiguous, whatever it is read as", () => {
    for (const read of [parseManifest, parseIndex, detectDocument]) {
      expect(() => read(utf8(value))).toThrow(error("AMBIGUOUS_DOCUMENT"));
    }
  });
});

describe("image configs", () => {
  it("keep what they do not know, at the top, in config and deeper", () => {
    const base = utf8(
      `{"architecture":"amd64","config":{"Hostname":"","Env":["A=b"],"Image":"${D}","Labels":null,` +
        '"Healthcheck":{"Test":["NONE"],"Later":{"b":[1.0],"a":12345678901234567890}},"Domainname":""},' +
        `"container":"abc","docker_version":"20.10","os":"linux","rootfs":{"type":"layers","diff_ids":["${D}"]},` +
        '"history":[{"created_by":"x","note":"y"}],"__proto__":{"a":1},"empty":null}',
    );
    const read = parseImageConfig(base);
    const changed: ImageConfig = { ...read, config: { ...read.config, Env: ["A=c"] } };
    expect(text(serialiseImageConfig(changed))).toBe(
      '{"architecture":"amd64","os":"linux","config":{"Env":["A=c"],' +
        `"Healthcheck":{"Test":["NONE"],"Later":{"b":[1.0],"a":12345678901234567890}},"Domainname":"","Hostname":"","Image":"${D}"},` +
        `"rootfs":{"type":"layers","diff_ids":["${D}"]},"history":[{"created_by":"x","note":"y"}],` +
        '"__proto__":{"a":1},"container":"abc","docker_version":"20.10","empty":null}',
    );
    expect("a" in {}).toBe(false);
  });

  it("keep what they do not know when they are cloned in between", () => {
    const base = utf8({ ...image, extra: 1 }).slice();
    const odd = utf8(text(base).replace('"extra":1', '"extra":[1.0,{"x":1e400}]'));
    expect(text(serialiseImageConfig(structuredClone(parseImageConfig(odd))))).toBe(text(odd));
  });

  it("can be written from plain objects, unknown fields and all", () => {
    const value: ImageConfig = JSON.parse(JSON.stringify({ ...image, zeta: { b: 1, a: 2 } }));
    expect(text(serialiseImageConfig(value))).toBe(
      `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["${D}"]},"zeta":{"b":1,"a":2}}`,
    );
  });

  it("take null for what is not set, as Docker writes it", () => {
    const docker = {
      Cmd: null,
      Entrypoint: null,
      Volumes: null,
      OnBuild: null,
      Labels: null,
      ExposedPorts: { "80/tcp": null },
    };
    expect(parseImageConfig(utf8({ ...image, config: docker, history: null })).config).toEqual({
      ExposedPorts: { "80/tcp": {} },
    });
  });

  it("have labels that cannot reach a prototype", () => {
    const read = parseImageConfig(
      utf8(
        `{"architecture":"a","os":"b","config":{"Labels":{"__proto__":"x"}},"rootfs":{"type":"layers","diff_ids":[]}}`,
      ),
    );
    expect(Object.keys(read.config?.Labels ?? {})).toEqual(["__proto__"]);
    expect(text(serialiseImageConfig(read))).toContain('"Labels":{"__proto__":"x"}');
  });

  it.each([
    ["architecture is missing", { ...image, architecture: undefined }],
    ["architecture must not be empty", { ...image, architecture: "" }],
    ["os is missing", { ...image, os: undefined }],
    ["OS differs from os in case only", { ...image, OS: "windows" }],
    ["rootfs is missing", { ...image, rootfs: undefined }],
    ['rootfs.type is "tar", and only "layers" is known', { ...image, rootfs: { type: "tar", diff_ids: [] } }],
    ["rootfs.diff_ids is missing", { ...image, rootfs: { type: "layers" } }],
    ["config must be an object, not a string", { ...image, config: "x" }],
    ["config.User must be a string, not a number", { ...image, config: { User: 0 } }],
    ["config.ExposedPorts must be an object, not an array", { ...image, config: { ExposedPorts: ["80/tcp"] } }],
    [
      'config.ExposedPorts["80/tcp"] must be an object, not a string',
      { ...image, config: { ExposedPorts: { "80/tcp": "true" } } },
    ],
    ["config.ExposedPorts has an empty key", { ...image, config: { ExposedPorts: { "": {} } } }],
    ["config.Env[2] must be a string, not null", { ...image, config: { Env: ["A=b", "", null] } }],
    ["config.Cmd must be an array, not a string", { ...image, config: { Cmd: "sh" } }],
    ["config.Labels.a must be a string, not a boolean", { ...image, config: { Labels: { a: true } } }],
    ["config.ArgsEscaped must be true or false, not a string", { ...image, config: { ArgsEscaped: "yes" } }],
    ["config.Healthcheck.Interval must be a whole number", { ...image, config: { Healthcheck: { Interval: "30s" } } }],
    ["config.ENV differs from Env in case only", { ...image, config: { ENV: [] } }],
    ['created is "yesterday", which is no RFC 3339 time', { ...image, created: "yesterday" }],
    ["history[0].empty_layer must be true or false", { ...image, history: [{ empty_layer: 1 }] }],
    ["history[1].created is ", { ...image, history: [{}, { created: "2024-02-30T00:00:00Z" }] }],
  ])("%s", (message, value) => {
    expect(() => parseImageConfig(utf8(value), "config c")).toThrow(error("INVALID_DOCUMENT", message));
    expect(() => parseImageConfig(utf8(value), "config c")).toThrow(/^Cannot read config c: /);
  });

  it("with a diffID that is no digest are refused", () => {
    const value = { ...image, rootfs: { type: "layers", diff_ids: [D, "sha256:1"] } };
    expect(() => parseImageConfig(utf8(value))).toThrow(error("INVALID_DIGEST", "rootfs.diff_ids[1] is "));
  });

  it("whose history does not account for the layers are read, and told of", () => {
    const warnings: string[] = [];
    const read = (history: unknown): unknown =>
      parseImageConfig(utf8({ ...image, history }), "c", (w) => warnings.push(w));
    read(undefined);
    read([{ created_by: "a" }]);
    read([{ created_by: "a" }, { empty_layer: true }]);
    expect(warnings).toEqual([]);
    read([{ empty_layer: true }]);
    read([{}, {}]);
    expect(warnings).toEqual([
      "c: history has 0 steps with a layer, but rootfs.diff_ids names 1",
      "c: history has 2 steps with a layer, but rootfs.diff_ids names 1",
    ]);
  });
});

describe("annotations", () => {
  it("are strings by keys that are not empty", () => {
    expect(parseAnnotations({ "org.example.a": "", b: "c" })).toEqual({ "org.example.a": "", b: "c" });
    expect(() => parseAnnotations({ "": "x" })).toThrow(error("INVALID_DOCUMENT", "has an empty key"));
    expect(() => parseAnnotations({ a: 1 }, "annotations of x")).toThrow(
      "Cannot use annotations of x: a must be a string",
    );
  });
});
