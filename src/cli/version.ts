/** The package's version. A constant, so that no runtime has to find `package.json`; a test holds the two together. */
export const VERSION = "0.1.0";
