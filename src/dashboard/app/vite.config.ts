import { defineConfig } from 'vite'

/** Where it goes is told on the command line (src/build/dashboard-app.ts). */
export default defineConfig({
  envDir: false,
  publicDir: false,
  // Warnings; for the rest what was built speaks.
  logLevel: 'warn',
  build: {
    target: 'es2022',
    // A small file stays a file: in the text of another it would be a data: address.
    assetsInlineLimit: 0,
    // Every browser that runs this preloads modules itself.
    modulePreload: { polyfill: false },
  },
})
