import { describe, expect, it } from "vitest";
import type { ImageConfigOptions } from "../../src/exporter/config.ts";
import { type ImageConfigParts, imageConfig, imagePlatform } from "../../src/exporter/image-config.ts";
import { DEFAULT_PATH } from "../../src/exporter/runtime-config.ts";
import { type ImageConfig, parseImageConfig, serialiseImageConfig } from "../../src/oci/config.ts";
import type { Digest } from "../../src/oci/digest.ts";

const id = (digit: string): Digest => `sha256:${digit.repeat(64)}`;

const nothing: ImageConfigParts = {
  platform: { os: "linux", architecture: "amd64" },
  options: {},
  base: undefined,
  baseDiffIDs: [],
  chainDiffIDs: [],
  sourceDateEpoch: undefined,
  rewriteTimestamp: false,
};

const make = (parts: Partial<ImageConfigParts>): ImageConfig => imageConfig({ ...nothing, ...parts });

/** The config as a reader of the image sees it. */
const json = (config: ImageConfig): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(serialiseImageConfig(config)));

const base = (text: object): ImageConfig => parseImageConfig(new TextEncoder().encode(JSON.stringify(text)));

const onBase = (config: object, options: ImageConfigOptions): unknown =>
  json(
    make({
      base: base({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, config }),
      options,
    }),
  ).config;

describe("the image config", () => {
  it("of nothing has platform, PATH, working directory and no time", () => {
    expect(json(make({}))).toEqual({
      architecture: "amd64",
      os: "linux",
      config: { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: [] },
    });
  });

  it("says everything of its platform", () => {
    const platform = { os: "windows", architecture: "amd64", "os.version": "10.0.1", "os.features": ["win32k"] };
    expect(json(make({ platform }))).toMatchObject({ ...platform, config: { WorkingDir: "/" } });
    expect(json(make({ platform })).config).not.toHaveProperty("Env");
    expect(json(make({ platform: { os: "linux", architecture: "arm", variant: "v7" } }))).toMatchObject({
      variant: "v7",
    });
  });

  it("has all that the caller says, in the form of the format", () => {
    const options: ImageConfigOptions = {
      entrypoint: ["/app", "--serve"],
      cmd: ["all"],
      env: { PATH: "/bin", LANG: "C.UTF-8" },
      user: "1000:1000",
      workingDir: "/srv",
      labels: { b: "2", a: "1" },
      exposedPorts: ["80", "53/UDP", "443/tcp"],
      volumes: ["/data"],
      stopSignal: "SIGQUIT",
      healthcheck: { test: ["CMD", "/ok"], interval: 30, timeout: 1.5, startPeriod: 0.001, retries: 3 },
      author: "me",
      created: "2026-01-31T12:00:00Z",
    };
    const config = make({ options });
    expect(json(config)).toMatchObject({
      author: "me",
      created: "2026-01-31T12:00:00Z",
      config: {
        Entrypoint: ["/app", "--serve"],
        Cmd: ["all"],
        Env: ["PATH=/bin", "LANG=C.UTF-8"],
        User: "1000:1000",
        WorkingDir: "/srv",
        Labels: { a: "1", b: "2" },
        ExposedPorts: { "80/tcp": {}, "53/udp": {}, "443/tcp": {} },
        Volumes: { "/data": {} },
        StopSignal: "SIGQUIT",
        Healthcheck: {
          Test: ["CMD", "/ok"],
          Interval: 30_000_000_000,
          Timeout: 1_500_000_000,
          StartPeriod: 1_000_000,
          Retries: 3,
        },
      },
    });
    // Sets and labels are written sorted, so that the order in which they were given decides nothing.
    const reordered = make({
      options: { ...options, labels: { a: "1", b: "2" }, exposedPorts: ["443", "80", "53/udp"] },
    });
    expect(serialiseImageConfig(reordered)).toEqual(serialiseImageConfig(config));
  });

  it.each<[ImageConfigOptions, RegExp]>([
    [{ exposedPorts: ["http"] }, /exposedPorts.*"http"/],
    [{ exposedPorts: ["0"] }, /exposedPorts.*"0"/],
    [{ exposedPorts: ["65536"] }, /exposedPorts/],
    [{ exposedPorts: ["80/icmp"] }, /exposedPorts/],
    [{ volumes: ["data"] }, /volumes.*"data".*absolute/],
    [{ workingDir: "srv" }, /workingDir.*"srv"/],
    [{ stopSignal: "sigterm" }, /stopSignal/],
    [{ stopSignal: "0" }, /stopSignal/],
    [{ env: { "A=B": "1" } }, /env.*"A=B"/],
    [{ env: { "": "1" } }, /env/],
    [{ env: { A: "\0" } }, /env/],
    [{ labels: { "": "1" } }, /labels/],
    [{ healthcheck: { test: [] } }, /healthcheck\.test/],
    [{ healthcheck: { test: ["RUN", "x"] } }, /healthcheck\.test/],
    [{ healthcheck: { test: ["NONE"], interval: 0.0001 } }, /healthcheck\.interval/],
    [{ healthcheck: { test: ["NONE"], timeout: Number.NaN } }, /healthcheck\.timeout/],
    [{ healthcheck: { test: ["NONE"], retries: -1 } }, /healthcheck\.retries/],
    [{ created: "yesterday" }, /created/],
    [{ created: "2026-02-30T00:00:00Z" }, /created/],
    [{ entrypoint: "/app" as never }, /entrypoint.*list of strings/],
    [{ env: { A: 1 as never } }, /env\.A.*string/],
  ])("refuses %j with INVALID_ARGUMENT, naming the field", (options, message) => {
    expect(() => make({ options })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringMatching(message) }),
    );
  });

  it("never has a time that nobody gave: the caller's, clamped to the epoch, or the epoch", () => {
    const created = "2026-01-31T12:00:00Z";
    expect(make({}).created).toBeUndefined();
    expect(make({ sourceDateEpoch: 0 }).created).toBe("1970-01-01T00:00:00Z");
    expect(make({ options: { created } }).created).toBe(created);
    expect(make({ options: { created }, sourceDateEpoch: 1_700_000_000 }).created).toBe("2023-11-14T22:13:20Z");
    expect(make({ options: { created }, sourceDateEpoch: 4_000_000_000 }).created).toBe(created);
  });
});

describe("the image config on a base", () => {
  it("keeps what the base says, also what no format knows", () => {
    const text = {
      architecture: "amd64",
      os: "linux",
      author: "base's",
      created: "2020-01-01T00:00:00Z",
      docker_version: "1.2",
      config: { Env: ["A=1"], Cmd: ["sh"], OnBuild: ["RUN x"], Shell: ["/bin/bash"], "vendor.thing": { deep: [1.5] } },
      rootfs: { type: "layers", diff_ids: [id("a")] },
      history: [{ created: "2020-01-01T00:00:00Z", created_by: "base" }],
    };
    expect(json(make({ base: base(text), baseDiffIDs: [id("a")], chainDiffIDs: [id("b")] }))).toEqual({
      architecture: "amd64",
      os: "linux",
      author: "base's",
      docker_version: "1.2",
      config: { ...text.config, Env: ["A=1", `PATH=${DEFAULT_PATH}`], WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: [id("a"), id("b")] },
      history: [...text.history, { created_by: "slipway" }],
    });
  });

  it("clears the base's command with a new entrypoint, unless a command is given too", () => {
    const config = { Entrypoint: ["/a"], Cmd: ["x"], Env: ["PATH=/"], WorkingDir: "/" };
    expect(onBase(config, {})).toEqual(config);
    expect(onBase(config, { entrypoint: ["/b"] })).toEqual({ Entrypoint: ["/b"], Env: ["PATH=/"], WorkingDir: "/" });
    expect(onBase(config, { entrypoint: ["/b"], cmd: ["y"] })).toMatchObject({ Entrypoint: ["/b"], Cmd: ["y"] });
    expect(onBase(config, { cmd: ["y"] })).toMatchObject({ Entrypoint: ["/a"], Cmd: ["y"] });
    expect(onBase(config, { entrypoint: [] })).toEqual({ Env: ["PATH=/"], WorkingDir: "/" });
    expect(onBase(config, { cmd: [] })).toEqual({ Entrypoint: ["/a"], Env: ["PATH=/"], WorkingDir: "/" });
  });

  it("replaces variables in their place and adds the others at the end, the default PATH before the caller's", () => {
    expect(onBase({ Env: ["B=1", "A=1"] }, { env: { C: "3", B: "2" } })).toMatchObject({
      Env: ["B=2", "A=1", `PATH=${DEFAULT_PATH}`, "C=3"],
    });
    expect(onBase({ Env: ["PATH=/x", "PATHS=1"] }, {})).toMatchObject({ Env: ["PATH=/x", "PATHS=1"] });
  });

  it("adds to the base's labels, ports and volumes", () => {
    expect(
      onBase(
        { Labels: { a: "1", b: "1" }, ExposedPorts: { "80/tcp": {} }, Volumes: { "/a": {} } },
        { labels: { b: "2" }, exposedPorts: ["81"], volumes: ["/b"] },
      ),
    ).toMatchObject({
      Labels: { a: "1", b: "2" },
      ExposedPorts: { "80/tcp": {}, "81/tcp": {} },
      Volumes: { "/a": {}, "/b": {} },
    });
  });

  it("is for the base's platform and no other", () => {
    const arm = base({ architecture: "arm64", variant: "v8", os: "linux", rootfs: { type: "layers", diff_ids: [] } });
    expect(imagePlatform(undefined, arm)).toEqual({ architecture: "arm64", variant: "v8", os: "linux" });
    expect(imagePlatform({ architecture: "aarch64", os: "linux" }, arm)).toMatchObject({ architecture: "arm64" });
    expect(() => imagePlatform({ architecture: "amd64", os: "linux" }, arm)).toThrow(/base image is for linux\/arm64/);
    expect(imagePlatform(undefined, undefined)).toEqual({ architecture: "amd64", os: "linux" });
    expect(imagePlatform({ architecture: "x86_64", os: "Linux" }, undefined)).toEqual({
      architecture: "amd64",
      os: "linux",
    });
  });
});

describe("history", () => {
  const withHistory = (history: object[] | undefined, layers: number): ImageConfig =>
    base({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: Array(layers).fill(id("a")) },
      ...(history && { history }),
    });

  it("has an entry for every layer, and for every ref that changed nothing one that says so", () => {
    expect(make({ chainDiffIDs: [id("a"), undefined, id("b")] }).history).toEqual([
      { created_by: "slipway" },
      { created_by: "slipway", empty_layer: true },
      { created_by: "slipway" },
    ]);
    expect(make({}).history).toBeUndefined();
  });

  it("is what the caller says, step by step with the refs", () => {
    const history = [
      { createdBy: "COPY . ." },
      { createdBy: "ENV A=1", emptyLayer: true },
      { createdBy: "WORKDIR /", comment: "changes nothing" },
      { createdBy: "COPY a b" },
    ];
    expect(make({ chainDiffIDs: [id("a"), undefined, id("b")], options: { history } }).history).toEqual([
      { created_by: "COPY . ." },
      { created_by: "ENV A=1", empty_layer: true },
      { created_by: "WORKDIR /", comment: "changes nothing", empty_layer: true },
      { created_by: "COPY a b" },
    ]);
  });

  it("still accounts for every layer when the caller says too little or too much", () => {
    const entries = (refs: number, steps: number): unknown =>
      make({
        chainDiffIDs: Array(refs).fill(id("a")),
        options: { history: Array(steps).fill({ createdBy: "step" }) },
      }).history;
    expect(entries(2, 1)).toEqual([{ created_by: "step" }, { created_by: "slipway" }]);
    expect(entries(1, 2)).toEqual([{ created_by: "step" }, { created_by: "step", empty_layer: true }]);
  });

  it("of the base is kept if it is right, and put right if it is not", () => {
    const of = (history: object[] | undefined, layers: number): unknown =>
      make({ base: withHistory(history, layers), baseDiffIDs: Array(layers).fill(id("a")) }).history;
    const right = [{ created_by: "a" }, { created_by: "b", empty_layer: true }, { created_by: "c", "x-own": 1 }];
    expect(json(make({ base: withHistory(right, 2), baseDiffIDs: [id("a"), id("a")] })).history).toEqual(right);
    expect(of([{ created_by: "a" }, { created_by: "b" }], 1)).toEqual([
      { created_by: "a" },
      { created_by: "b", empty_layer: true },
    ]);
    expect(of([{ created_by: "a" }], 2)).toHaveLength(2);
    expect(of(undefined, 2)).toHaveLength(2);
    expect(of(undefined, 0)).toBeUndefined();
  });

  it("has the time of the image for new entries, and leaves the base's times alone unless they are to be rewritten", () => {
    const late = { created: "2026-01-01T00:00:00Z", created_by: "base" };
    const early = { created: "2001-01-01T00:00:00Z", created_by: "base" };
    const parts = {
      base: withHistory([late, early], 2),
      baseDiffIDs: [id("a"), id("a")],
      chainDiffIDs: [id("b")],
      sourceDateEpoch: 1_700_000_000,
    };
    const own = { created: "2023-11-14T22:13:20Z", created_by: "slipway" };
    expect(make(parts).history).toEqual([late, early, own]);
    expect(make({ ...parts, rewriteTimestamp: true }).history).toEqual([
      { created: "2023-11-14T22:13:20Z", created_by: "base" },
      early,
      own,
    ]);
  });
});
