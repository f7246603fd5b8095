import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/hash/index.ts";
import type { RegistryResponse } from "../../../src/registry/index.ts";
import { pathAt, uploadLocation, withDigest } from "../../../src/registry/upload/upload-location.ts";
import { uploadedBytes } from "../../../src/registry/upload/upload-range.ts";

const answer = (location: string | undefined, url = "https://registry.example/v2/hello/blobs/uploads/") =>
  ({ url, headers: new Headers(location === undefined ? {} : { location }) }) as RegistryResponse;

describe("where an upload goes on", () => {
  it("is relative to where the answer came from, or absolute, and keeps its query to the letter", () => {
    const at = (location: string) => uploadLocation(answer(location), "upload");
    expect(at("/v2/hello/blobs/uploads/1?_state=a%3D%3d&x=~")).toBe(
      "https://registry.example/v2/hello/blobs/uploads/1?_state=a%3D%3d&x=~",
    );
    expect(at("1")).toBe("https://registry.example/v2/hello/blobs/uploads/1");
    expect(at("https://storage.example/u?sig=1#part")).toBe("https://storage.example/u?sig=1");
  });

  it("is by https where the registry, behind a proxy, calls itself by http", () => {
    expect(uploadLocation(answer("http://registry.example/u"), "upload")).toBe("https://registry.example/u");
    expect(uploadLocation(answer("http://registry.example:80/u"), "upload")).toBe("https://registry.example/u");
    expect(uploadLocation(answer("http://registry.example:81/u"), "upload")).toBe("http://registry.example:81/u");
    expect(uploadLocation(answer("http://other.example/u"), "upload")).toBe("http://other.example/u");
  });

  it("may be missing, but not be anything else than an address", () => {
    expect(uploadLocation(answer(undefined), "upload")).toBeUndefined();
    for (const location of ["http://[", "data:text/plain,x", "file:///etc/passwd", "https://user:secret@host/u"]) {
      expect(() => uploadLocation(answer(location), "upload"), location).toThrow(
        expect.objectContaining({ code: "INVALID_RESPONSE" }),
      );
    }
  });

  it("gets the digest behind what is there", () => {
    const digest = digestOf(new Uint8Array());
    const encoded = digest.replace(":", "%3A");
    expect(withDigest("https://registry.example/u", digest)).toBe(`https://registry.example/u?digest=${encoded}`);
    expect(withDigest("https://registry.example/u?a=%2f", digest)).toBe(
      `https://registry.example/u?a=%2f&digest=${encoded}`,
    );
  });

  it("is remembered only at the registry's own origin", () => {
    expect(pathAt("https://registry.example/u?a=b", "https://registry.example/v2/")).toBe("/u?a=b");
    expect(pathAt("https://registry.example:444/u", "https://registry.example/v2/")).toBeUndefined();
    expect(pathAt("https://other.example/u", "https://registry.example/v2/")).toBeUndefined();
    expect(pathAt("https://registry.example//u", "https://registry.example/v2/")).toBeUndefined();
  });
});

describe("how much of an upload a registry has", () => {
  const of = (range: string) => uploadedBytes(new Headers({ range }));
  it("is what Range says, in either spelling", () => {
    expect(of("0-1023")).toBe(1024);
    expect(of("bytes=0-1023")).toBe(1024);
    expect(of("1024-2047")).toBe(2048);
  });
  it("is nothing where it says what registries say of nothing", () => {
    expect(of("0-0")).toBe(0);
  });
  it("is not known where it says something else", () => {
    expect(uploadedBytes(new Headers())).toBeUndefined();
    for (const range of ["", "0-", "5-4", "a-b", "0--1", "0-99999999999999999999"]) expect(of(range)).toBeUndefined();
  });
});
