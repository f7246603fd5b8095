import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type Descriptor,
  type Digest,
  type ImageConfig,
  type Index,
  type Manifest,
  OCI_TYPES,
  parseImageConfig,
  parseIndex,
  parseManifest,
  serialiseImageConfig,
  serialiseIndex,
  serialiseManifest,
} from "../../src/oci/index.ts";
import { compareKeys, printJson } from "../../src/oci/json/print.ts";

/** What Go's encoding/json printed for the same values in image-spec's structs. */
const golden = (name: string): Buffer => readFileSync(join(import.meta.dirname, "golden", name));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

const config: Descriptor = { mediaType: OCI_TYPES.config, digest: digest("a"), size: 7023 };

// Keys are out of order everywhere, so that the order cannot come from here.
const manifest: Manifest = {
  annotations: { "com.example.key1": "value1" },
  subject: config,
  layers: [
    {
      artifactType: "application/vnd.example+type",
      platform: { variant: "v7", "os.features": ["x", "y"], "os.version": "1.2", os: "linux", architecture: "arm" },
      data: "aGVsbG8=",
      annotations: {
        z: "<last>",
        a: "first & foremost",
        "\u{1F600}": "astral",
        "\uFB01": "ligature",
        é: '\u2028\u2029\u007f\u0001\b\f\n\r\t"\\/',
      },
      urls: ["https://example.com/layer?a=1&b=2"],
      size: 5,
      digest: digest("b"),
      mediaType: OCI_TYPES.layerGzip,
    },
  ],
  config,
  artifactType: "application/vnd.example+type",
  mediaType: OCI_TYPES.manifest,
  schemaVersion: 2,
};

const index: Index = {
  schemaVersion: 2,
  mediaType: OCI_TYPES.index,
  annotations: { "com.example.key2": "value2", "com.example.key1": "value1" },
  manifests: [
    {
      mediaType: OCI_TYPES.manifest,
      size: 7143,
      digest: digest("c"),
      platform: { os: "linux", architecture: "ppc64le" },
    },
    {
      mediaType: OCI_TYPES.manifest,
      size: 7682,
      digest: digest("d"),
      platform: { os: "windows", architecture: "amd64", "os.version": "10.0.17763", "os.features": ["win32k"] },
    },
  ],
};

const imageConfig: ImageConfig = {
  history: [
    { created: "2015-10-31T22:22:56.015925234Z", comment: "c", author: "me", created_by: "COPY x /" },
    { empty_layer: true, created: "1970-01-01T00:00:00Z" },
    {},
  ],
  rootfs: { diff_ids: [digest("1"), digest("2")], type: "layers" },
  config: {
    Shell: ["/bin/sh", "-c"],
    OnBuild: ["RUN true"],
    Healthcheck: {
      Retries: 3,
      StartInterval: 5,
      StartPeriod: 0,
      Timeout: 1e9,
      Interval: 30e9,
      Test: ["CMD-SHELL", "true"],
    },
    ArgsEscaped: true,
    StopSignal: "SIGTERM",
    Labels: { b: "2", a: "1", "": "e" },
    WorkingDir: "/home/alice",
    Volumes: { "/var/log": {}, "/data": {} },
    Cmd: ["--a", "<b>"],
    Entrypoint: ["/bin/app"],
    Env: ["PATH=/bin", "FOO=a&b"],
    ExposedPorts: { "8080/tcp": {}, "53/udp": {} },
    User: "alice",
  },
  variant: "v8",
  os: "linux",
  architecture: "arm64",
  author: "Alyssa P. Hacker <alyspdev@example.com>",
  created: "2015-10-31T22:22:56.015925234Z",
};

describe("documents are, byte for byte, what Go writes", () => {
  it("manifest with every field", () => {
    expect(text(serialiseManifest(manifest))).toBe(text(golden("manifest.json")));
  });

  it("manifest with the fewest fields", () => {
    expect(text(serialiseManifest({ schemaVersion: 2, config, layers: [] }))).toBe(
      text(golden("manifest-minimal.json")),
    );
  });

  it("index", () => {
    expect(text(serialiseIndex(index))).toBe(text(golden("index.json")));
  });

  it("image config with every field", () => {
    expect(text(serialiseImageConfig(imageConfig))).toBe(text(golden("config.json")));
  });

  it("image config with the fewest fields", () => {
    const minimal: ImageConfig = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } };
    expect(text(serialiseImageConfig(minimal))).toBe(text(golden("config-minimal.json")));
  });

  it("every ASCII character in a string", () => {
    const all = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code));
    expect(text(printJson(all, ""))).toBe(text(golden("ascii.json")));
  });

  it("what was read is written the same again", () => {
    expect(text(serialiseManifest(parseManifest(golden("manifest.json"))))).toBe(text(golden("manifest.json")));
    expect(text(serialiseIndex(parseIndex(golden("index.json"))))).toBe(text(golden("index.json")));
    expect(text(serialiseImageConfig(parseImageConfig(golden("config.json"))))).toBe(text(golden("config.json")));
  });

  it("and reading gives the values", () => {
    expect(parseManifest(golden("manifest.json"))).toEqual(manifest);
    expect(parseIndex(golden("index.json"))).toEqual(index);
    // A time of 0 is inherited, so it is not written.
    const { StartPeriod: _, ...healthcheck } = imageConfig.config?.Healthcheck ?? {};
    expect(parseImageConfig(golden("config.json"))).toEqual({
      ...imageConfig,
      config: { ...imageConfig.config, Healthcheck: healthcheck },
    });
  });
});

it("what is empty is left out, as Go's omitempty does", () => {
  const bytes = serialiseImageConfig({
    architecture: "amd64",
    os: "linux",
    variant: "",
    author: "",
    "os.features": [],
    config: { User: "", Env: [], Labels: {}, Volumes: {}, ArgsEscaped: false, Healthcheck: { Retries: 0 } },
    rootfs: { type: "layers", diff_ids: [] },
    history: [],
  });
  expect(text(bytes)).toBe(
    '{"architecture":"amd64","os":"linux","config":{"Healthcheck":{}},"rootfs":{"type":"layers","diff_ids":[]}}',
  );
});

it("keys are sorted by their bytes in UTF-8, not by UTF-16", () => {
  const keys = ["b", "a", "", "é", "aa", "A", "\uFB01", "\u{1F600}", "\uE000", "\u{10000}", "\uD7FF", "a\u{1F600}"];
  const byBytes = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...keys].sort(compareKeys)).toEqual(byBytes);
  expect([...keys].sort()).not.toEqual(byBytes);
});
