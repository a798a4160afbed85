import { secureHeaders } from 'hono/secure-headers'

/**
 * The headers of every answer. A page runs its own script, and nothing that a name on the network could smuggle into it;
 * nobody frames it, and it tells nobody where it was.
 *
 * No Strict-Transport-Security: browsers ignore it for addresses (RFC 6797 section 8.1.1), which is how many come here; and
 * for a name it takes away the way past a warning about a certificate. Until somebody trusts the router's own authority,
 * and again when that is made anew, this would close the page, and every other port of the router, for as long as it says.
 * What it is against, a first request in plain text, carries nothing here: the cookie is for HTTPS alone.
 */
export const securityHeaders = secureHeaders({
  strictTransportSecurity: false,
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    fontSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  referrerPolicy: 'no-referrer',
  crossOriginEmbedderPolicy: 'require-corp',
  permissionsPolicy: { camera: [], geolocation: [], microphone: [], payment: [], usb: [] },
})
