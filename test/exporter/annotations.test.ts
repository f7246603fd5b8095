import { describe, expect, it } from "vitest";
import {
  type Annotation,
  annotationsFor,
  checkAnnotations,
  parseAnnotationKey,
} from "../../src/exporter/annotations.ts";
import { resolveOptions } from "../../src/exporter/options.ts";
import type { Platform } from "../../src/oci/platform.ts";

const amd64: Platform = { os: "linux", architecture: "amd64" };
const arm64: Platform = { os: "linux", architecture: "arm64" };

const parse = (options: Record<string, string>): readonly Annotation[] => resolveOptions(options).annotations;

describe("the annotation grammar", () => {
  it.each([
    ["annotation.a", { target: "manifest", key: "a" }],
    ["annotation.org.opencontainers.image.title", { target: "manifest", key: "org.opencontainers.image.title" }],
    ["annotation-manifest.a", { target: "manifest", key: "a" }],
    ["annotation[linux/amd64].a", { target: "manifest", platform: amd64, key: "a" }],
    ["annotation-manifest[linux/amd64].a", { target: "manifest", platform: amd64, key: "a" }],
    ["annotation-manifest-descriptor[linux/arm64].a", { target: "manifest-descriptor", platform: arm64, key: "a" }],
    ["annotation-index.a", { target: "index", key: "a" }],
    ["annotation-index-descriptor.a", { target: "index-descriptor", key: "a" }],
  ])("reads %s", (option, expected) => {
    expect(parseAnnotationKey(option)).toEqual(expected);
  });

  it.each([
    ["annotation.", /annotation\.KEY/],
    ["annotation", /annotation\.KEY/],
    ["annotation-index", /annotation\.KEY/],
    ["annotation.a b", /annotation\.KEY/],
    ["annotation-layer.a", /layer cannot be annotated/],
    ["annotation-index[linux/amd64].a", /leave out \[linux\/amd64\]/],
    ["annotation[linux].a", /no platform/],
    ["annotation[].a", /annotation\.KEY/],
  ])("refuses %s", (option, message) => {
    expect(() => resolveOptions({ [option]: "1" })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: expect.stringMatching(message) }),
    );
  });

  it("is the same in the option `annotations`, where nothing else may stand", () => {
    expect(resolveOptions({ annotations: { "annotation-index.a": "1" } }).annotations).toEqual(
      parse({ "annotation-index.a": "1" }),
    );
    expect(() => resolveOptions({ annotations: { a: "1" } })).toThrow(/annotation\.KEY/);
  });

  it("does not take an option that merely begins like it for an annotation", () => {
    const warnings: string[] = [];
    resolveOptions({ annotationless: "1", onWarning: (message: string) => warnings.push(message) } as never);
    expect(warnings).toHaveLength(1);
  });
});

describe("annotations of an image", () => {
  const annotations = parse({
    "annotation.all": "1",
    "annotation[linux/amd64].all": "amd64's own",
    "annotation-manifest[linux/arm64/v8].one": "2",
    "annotation-manifest-descriptor.d": "3",
    "annotation-index.i": "4",
    "annotation-index-descriptor.x": "5",
  });

  it("go where they belong; those of a platform override those for all", () => {
    expect(annotationsFor(annotations, "manifest", amd64)).toEqual({ all: "amd64's own" });
    expect(annotationsFor(annotations, "manifest", arm64)).toEqual({ all: "1", one: "2" });
    expect(annotationsFor(annotations, "manifest-descriptor", arm64)).toEqual({ d: "3" });
    expect(annotationsFor(annotations, "index")).toEqual({ i: "4" });
    expect(annotationsFor(annotations, "index-descriptor")).toEqual({ x: "5" });
    expect(annotationsFor([], "index")).toBeUndefined();
  });

  const image = { platforms: [amd64, arm64], index: true, ociMediatypes: true };

  it("are refused if they have nowhere to go", () => {
    expect(() => checkAnnotations(annotations, image)).not.toThrow();
    expect(() => checkAnnotations(annotations, { ...image, platforms: [amd64] })).toThrow(/arm64.*only linux\/amd64/);
    expect(() => checkAnnotations(annotations, { ...image, index: false })).toThrow(/no index/);
    expect(() => checkAnnotations(annotations, { ...image, ociMediatypes: false })).toThrow(/oci-mediatypes=false/);
    expect(() =>
      checkAnnotations(parse({ "annotation.a": "1" }), { ...image, index: false, ociMediatypes: false }),
    ).not.toThrow();
  });
});
