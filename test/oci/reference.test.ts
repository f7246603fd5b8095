import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familiarName, formatReference, isTag, parseReference, repositoryName } from "../../src/oci/index.ts";

const D = `sha256:${"a".repeat(64)}`;
const D512 = `sha512:${"b".repeat(128)}`;

describe("parseReference", () => {
  // What distribution/reference makes of the same text: the whole name, and the familiar one.
  it.each([
    ["alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"],
    ["demo/hello", "docker.io/demo/hello:latest", "demo/hello:latest"],
    ["docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"],
    ["index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"],
    ["docker.io/library/x/y", "docker.io/library/x/y:latest", "library/x/y:latest"],
    ["localhost/a", "localhost/a:latest", "localhost/a:latest"],
    ["localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1"],
    ["localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"],
    ["example.com/a", "example.com/a:latest", "example.com/a:latest"],
    ["example:80/a", "example:80/a:latest", "example:80/a:latest"],
    ["Example/a", "Example/a:latest", "Example/a:latest"],
    ["127.0.0.1:5000/a", "127.0.0.1:5000/a:latest", "127.0.0.1:5000/a:latest"],
    ["[::1]/a", "[::1]/a:latest", "[::1]/a:latest"],
    ["[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"],
    ["a.b/c.d_e__f---g/h", "a.b/c.d_e__f---g/h:latest", "a.b/c.d_e__f---g/h:latest"],
    ["x:_Tag.with-All_9", "docker.io/library/x:_Tag.with-All_9", "x:_Tag.with-All_9"],
    [`x@${D}`, `docker.io/library/x@${D}`, `x@${D}`],
    [`x:1@${D}`, `docker.io/library/x:1@${D}`, `x:1@${D}`],
    [`example.com/x@${D512}`, `example.com/x@${D512}`, `example.com/x@${D512}`],
    [`x:${"t".repeat(128)}`, `docker.io/library/x:${"t".repeat(128)}`, `x:${"t".repeat(128)}`],
    [`h.com/${"x".repeat(255)}`, `h.com/${"x".repeat(255)}:latest`, `h.com/${"x".repeat(255)}:latest`],
  ])("reads %s", (text, whole, familiar) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(whole);
    expect(familiarName(reference)).toBe(familiar);
    expect(parseReference(whole)).toEqual(reference);
    expect(parseReference(familiar)).toEqual(reference);
  });

  it("gives the parts", () => {
    expect(parseReference(`localhost:5000/a/b:1@${D}`)).toEqual({
      domain: "localhost:5000",
      path: "a/b",
      tag: "1",
      digest: D,
    });
    expect(parseReference(`a@${D}`)).toEqual({ domain: "docker.io", path: "library/a", digest: D });
    expect(repositoryName(parseReference("a:1"))).toBe("docker.io/library/a");
  });

  it.each([
    ["", "it is empty"],
    ["a".repeat(64), "an image's ID"],
    ["Alpine", 'the repository name "library/Alpine" must be lower case'],
    ["demo/Hello:Tag", "must be lower case"],
    ["example.com/Ä", "must be lower case"],
    ["ä", "must be lower-case letters and digits"],
    ["a//b", "has an empty part"],
    ["a/", "has an empty part"],
    ["/a", "has an empty part"],
    ["example.com/", "has an empty part"],
    ["-a", 'the part "-a" must be lower-case letters and digits'],
    ["a-", 'the part "a-"'],
    ["a..b", 'the part "a..b"'],
    ["a___b", 'the part "a___b"'],
    ["a b", 'the part "a b"'],
    ["a\n", "the part"],
    ["../a", "is no host name"],
    ["a/../b", 'the part ".."'],
    ["a:", 'the tag "" must be'],
    ["a:.b", 'the tag ".b" must be'],
    ["a:-b", "must be 1 to 128"],
    ["a:b c", "must be 1 to 128"],
    ["a:1:2", 'the tag "1:2" must be'],
    [`a:${"t".repeat(129)}`, "must be 1 to 128"],
    [`${"x".repeat(248)}`, "has 256 characters, more than 255"],
    [`h.com/${"x".repeat(256)}`, "has 256 characters, more than 255"],
    ["a".repeat(3000), "it has 3000 characters"],
    ["a@", '"" is no digest'],
    [`@${D}`, 'the part ""|has an empty part'],
    ["a@sha256:abc", "is no digest"],
    [`a@sha256:${"A".repeat(64)}`, "is no digest"],
    [`a@@${D}`, "is no digest"],
    ["h.com:/a", '"" is no port number'],
    ["h.com:8x/a", '"8x" is no port number'],
    ["-h.com/a", "is no host name of a registry"],
    ["h..com/a", "is no host name of a registry"],
    ["h_x.com/a", "is no host name of a registry"],
    ["[::1/a", "is no host name|is no port number"],
    ["[fe80::1%eth0]/a", "is no host name of a registry"],
    ["https://example.com/a", '"" is no port number'],
  ])("refuses %j", (text, reason) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        code: "INVALID_REFERENCE",
        message: expect.stringMatching(
          new RegExp(`^Cannot use image name .*(?:${reason.replace(/[.]/g, "\\.")})`, "s"),
        ),
      }),
    );
  });

  it("survives any text, and what it takes it writes and reads again", () => {
    const pieces = fc.constantFrom(
      "a",
      "B",
      "0",
      ".",
      "-",
      "_",
      "/",
      ":",
      "@",
      "localhost",
      "docker.io",
      "[::1]",
      D,
      "library/",
      "é",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (given) => {
        let reference: ReturnType<typeof parseReference>;
        try {
          reference = parseReference(given);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_REFERENCE" });
          return;
        }
        expect(parseReference(formatReference(reference))).toEqual(reference);
        expect(parseReference(familiarName(reference))).toEqual(reference);
      }),
      { numRuns: 2000 },
    );
  });
});

it("isTag", () => {
  expect(["latest", "_", "A.b-C_1", "1".repeat(128)].every(isTag)).toBe(true);
  expect(["", ".a", "-a", "a:b", "a/b", "a\n", "é", "1".repeat(129)].some(isTag)).toBe(false);
});
