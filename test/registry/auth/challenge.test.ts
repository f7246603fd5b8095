import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../../src/registry/auth/challenge.ts";

const parsed = (header: string): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("a WWW-Authenticate header", () => {
  it("has a scheme and parameters, whose names are in any case", () => {
    expect(
      parsed('Bearer REALM="https://auth.docker.io/token",Service="registry.docker.io",scope="repository:a:pull,push"'),
    ).toEqual([
      [
        "bearer",
        { realm: "https://auth.docker.io/token", service: "registry.docker.io", scope: "repository:a:pull,push" },
      ],
    ]);
  });

  it("may have several challenges, from one header or several that were joined", () => {
    expect(parsed('Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"')).toEqual([
      ["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }],
      ["basic", { realm: "simple" }],
    ]);
  });

  it("may have challenges without parameters, or with a token68", () => {
    expect(parsed('Negotiate, NTLM TlRMTVNTUA==, Basic realm="a, b"')).toEqual([
      ["negotiate", {}],
      ["ntlm", {}],
      ["basic", { realm: "a, b" }],
    ]);
  });

  it("may have empty elements and blanks around everything", () => {
    expect(parsed(' ,, Basic  realm = "x" , ,charset = UTF-8,')).toEqual([["basic", { realm: "x", charset: "UTF-8" }]]);
  });

  it("may have addresses without quotes, which some servers send", () => {
    expect(parsed("Bearer realm=https://auth.example/token?a=b,service=x")).toEqual([
      ["bearer", { realm: "https://auth.example/token?a=b", service: "x" }],
    ]);
  });

  it("keeps the first of two parameters of one name", () => {
    expect(parsed('Bearer realm="https://a",realm="https://b"')).toEqual([["bearer", { realm: "https://a" }]]);
  });

  for (const header of [
    "",
    ",",
    '=",,""',
    '"',
    'Bearer realm="',
    "Bearer realm=",
    "realm=x",
    "Bearer =x",
    '"a" Basic',
    "é",
  ]) {
    it(`is read as far as it can be: ${JSON.stringify(header)}`, () => {
      expect(parseChallenges(header).every(({ parameters }) => !parameters.has("realm"))).toBe(true);
    });
  }

  it("is read in time however long it is", () => {
    expect(parseChallenges(`Bearer realm="${'\\"'.repeat(100_000)}`)).toHaveLength(1);
    expect(parseChallenges(`${"a, ".repeat(10_000)}Basic`).at(-1)?.scheme).toBe("basic");
  });
});
