import { describe, expect, it } from "vitest";
import { annotationKeys } from "../../src/cli/annotation-option.ts";
import { splitCsv } from "../../src/cli/csv.ts";
import { parseImageArgument, parseRegistryArgument } from "../../src/cli/image-argument.ts";
import { parseOutput } from "../../src/cli/output-option.ts";
import { platformChoice } from "../../src/cli/platform-choice.ts";
import { parseConfigWords } from "../../src/frontend/config-words.ts";

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

describe("a CSV line", () => {
  it.each([
    ["a=b,c=d", ["a=b", "c=d"]],
    ["", [""]],
    ["a,", ["a", ""]],
    ['"a,b",c', ["a,b", "c"]],
    ['"a ""quoted"" b"', ['a "quoted" b']],
    ['type=oci,"dest=a,b.tar"', ["type=oci", "dest=a,b.tar"]],
  ])("%j is %j", (line, fields) => expect(splitCsv(line, "-o")).toEqual(fields));

  it.each(['"a', '"a"b', 'a"b', 'dest="x"'])("%j is refused", (line) => {
    expect(codeOf(() => splitCsv(line, "-o"))).toBe("INVALID_OPTION");
  });
});

describe("--output", () => {
  it.each([
    ["out", { type: "local", dest: "out", directory: false, exporterOptions: {} }],
    ["-", { type: "tar", dest: "-", directory: false, exporterOptions: {} }],
    ["type=oci,dest=a.tar", { type: "oci", dest: "a.tar", directory: false, exporterOptions: {} }],
    ["type=oci,tar=false,dest=d", { type: "oci", dest: "d", directory: true, exporterOptions: {} }],
    [
      "type=docker,dest=a.tar,Compression=gzip,annotation.Key=V,push=false",
      {
        type: "docker",
        dest: "a.tar",
        directory: false,
        exporterOptions: { compression: "gzip", "annotation.Key": "V" },
      },
    ],
    ["type=registry", { type: "registry", dest: undefined, directory: false, exporterOptions: { push: "true" } }],
    [
      "type=registry,push-by-digest=true,registry.insecure=true",
      {
        type: "registry",
        dest: undefined,
        directory: false,
        exporterOptions: { push: "true", "push-by-digest": "true", "registry.insecure": "true" },
      },
    ],
    ["type=image,push=true", { type: "image", dest: undefined, directory: false, exporterOptions: { push: "true" } }],
    ["type=image,push=false", { type: "image", dest: undefined, directory: false, exporterOptions: {} }],
    ['type=image,"name=a,b"', { type: "image", dest: undefined, directory: false, exporterOptions: { name: "a,b" } }],
  ])("%s", (text, output) => expect(parseOutput(text)).toEqual(output));

  it.each([
    ["", "INVALID_OPTION"],
    ["type=oci", "INVALID_OPTION"],
    ["dest=x", "INVALID_OPTION"],
    ["type=zip,dest=x", "INVALID_OPTION"],
    ["type=oci,dest=x,dest=y", "INVALID_OPTION"],
    ["type=oci,dest=x,flag", "INVALID_OPTION"],
    ["type=image,dest=x", "INVALID_OPTION"],
    ["type=local,dest=-", "INVALID_OPTION"],
    ["type=oci,tar=false,dest=-", "INVALID_OPTION"],
    ["type=oci,tar=maybe,dest=x", "INVALID_OPTION"],
    ["type=docker,tar=false,dest=x", "INVALID_OPTION"],
    ["type=registry,dest=x", "INVALID_OPTION"],
    ["type=registry,push=false", "INVALID_OPTION"],
    ["type=image,push=perhaps", "INVALID_OPTION"],
    ["type=oci,dest=x,push=true", "INVALID_OPTION"],
  ])("%s is refused", (text, code) => expect(codeOf(() => parseOutput(text))).toBe(code));
});

describe("--entrypoint and --cmd", () => {
  it("take words or a JSON array, and name the flag that is wrong", () => {
    const { entrypoint, cmd } = parseConfigWords({ entrypoint: "/bin/app -v", cmd: '["a b"]' });
    expect([entrypoint, cmd]).toEqual([["/bin/app", "-v"], ["a b"]]);
    expect(() => parseConfigWords({ cmd: "a && b" })).toThrow(
      'Cannot use --cmd "a && b": & means something to a shell',
    );
  });
});

describe("an image argument", () => {
  it.each([
    ["oci:dir", { kind: "layout", path: "dir", tag: undefined }],
    ["oci:dir:1.0", { kind: "layout", path: "dir", tag: "1.0" }],
    ["oci:a/b:host:5000/name:tag", { kind: "layout", path: "a/b", tag: "host:5000/name:tag" }],
    [`oci:dir@sha256:${"a".repeat(64)}`, { kind: "layout", path: "dir", tag: `sha256:${"a".repeat(64)}` }],
    ["oci-archive:f.tar", { kind: "oci-archive", path: "f.tar", tag: undefined }],
    ["docker-archive:f.tar:a/b:1", { kind: "docker-archive", path: "f.tar", tag: "a/b:1" }],
    ["alpine:3", { kind: "name", name: "alpine:3" }],
    ["localhost:5000/x", { kind: "name", name: "localhost:5000/x" }],
    ["docker://alpine", { kind: "registry", name: "alpine" }],
    ["docker://localhost:5000/a/b:1", { kind: "registry", name: "localhost:5000/a/b:1" }],
    ["docker:27-cli", { kind: "name", name: "docker:27-cli" }],
    ["registry:2", { kind: "name", name: "registry:2" }],
  ])("%s", (text, argument) => expect(parseImageArgument(text)).toEqual(argument));

  it.each([
    ["", "INVALID_ARGUMENT"],
    ["oci:", "INVALID_ARGUMENT"],
    ["oci::tag", "INVALID_ARGUMENT"],
    ["oci:dir:", "INVALID_ARGUMENT"],
    ["docker://", "INVALID_REFERENCE"],
    ["docker://No Such Name", "INVALID_REFERENCE"],
    ["docker-daemon:x:1", "UNSUPPORTED"],
    ["https://host.example/x", "UNSUPPORTED"],
    ["containers-storage:x", "UNSUPPORTED"],
  ])("%s is refused", (text, code) => expect(codeOf(() => parseImageArgument(text))).toBe(code));
});

describe("a name at a registry", () => {
  it.each(["host.example/a:1", "docker://host.example/a:1"])("%s", (text) => {
    expect(parseRegistryArgument(text)).toBe("host.example/a:1");
  });

  it.each([
    ["oci:dir:1", "INVALID_ARGUMENT"],
    ["docker-archive:f.tar", "INVALID_ARGUMENT"],
    ["No Such Name", "INVALID_REFERENCE"],
  ])("is not %s", (text, code) => expect(codeOf(() => parseRegistryArgument(text))).toBe(code));
});

describe("--platform and --all-platforms", () => {
  it("say what is taken of an index", () => {
    expect(platformChoice({}, "all")).toBe("all");
    expect(platformChoice({}, "this machine's")).toBe("this machine's");
    expect(platformChoice({ allPlatforms: true }, "this machine's")).toBe("all");
    expect(platformChoice({ platform: "linux/arm64" }, "all")).toEqual({ os: "linux", architecture: "arm64" });
    expect(codeOf(() => platformChoice({ platform: "linux/arm64", allPlatforms: true }, "all"))).toBe("INVALID_OPTION");
    expect(codeOf(() => platformChoice({ platform: "linux/a/b/c" }, "all"))).toBe("INVALID_PLATFORM");
  });
});

describe("--annotation", () => {
  it.each([
    ["a=b", { "annotation.a": "b" }],
    ["a.b/c=d=e", { "annotation.a.b/c": "d=e" }],
    ["index:a=b", { "annotation-index.a": "b" }],
    ["manifest[linux/amd64],index:a=b:c", { "annotation-manifest[linux/amd64].a": "b:c", "annotation-index.a": "b:c" }],
    ["manifest-descriptor:a=", { "annotation-manifest-descriptor.a": "" }],
  ])("%s", (text, keys) => expect(annotationKeys([text])).toEqual(keys));

  it.each(["a", "=b", "index:=b", "layer:a=b", "index[linux/amd64]:a=b"])("%s is refused", (text) => {
    expect(codeOf(() => annotationKeys([text]))).toBe("INVALID_OPTION");
  });
});

describe("config flags", () => {
  it("take the last value of a key, and values with =", () => {
    const { env, labels } = parseConfigWords({ env: ["A=1", "B=x=y", "A=2"], label: ["l="] });
    expect([env, labels]).toEqual([{ A: "2", B: "x=y" }, { l: "" }]);
  });

  it("describe a health check", () => {
    expect(
      parseConfigWords({
        healthcheckCmd: "curl -f x || exit 1",
        healthcheckInterval: "1m30s",
        healthcheckTimeout: "500ms",
      }).healthcheck,
    ).toEqual({ test: ["CMD-SHELL", "curl -f x || exit 1"], interval: 90, timeout: 0.5 });
    expect(parseConfigWords({ healthcheckCmd: '["/check"]', healthcheckRetries: "3" }).healthcheck).toEqual({
      test: ["CMD", "/check"],
      retries: 3,
    });
    expect(parseConfigWords({ healthcheck: false }).healthcheck).toEqual({ test: ["NONE"] });
    expect(parseConfigWords({ healthcheck: true }).healthcheck).toBeUndefined();
  });

  it.each([
    [{ env: ["A"] }],
    [{ label: ["=x"] }],
    [{ healthcheckInterval: "1s" }],
    [{ healthcheckCmd: "x", healthcheckInterval: "soon" }],
    [{ healthcheckCmd: "x", healthcheckRetries: "many" }],
    [{ healthcheckCmd: "x", healthcheck: false }],
  ])("%j are refused", (flags) => expect(codeOf(() => parseConfigWords(flags))).toBe("INVALID_OPTION"));
});
