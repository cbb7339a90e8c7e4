import type { SecureContextOptions, TlsOptions } from 'node:tls'
import type { TlsMaterial } from './broker-port.ts'

/** TLS 1.2 with ephemeral keys and authenticated ciphers only, and TLS 1.3. */
export const secureContextOf = ({ certPem, keyPem }: TlsMaterial): SecureContextOptions => ({
  cert: certPem,
  key: keyPem,
  minVersion: 'TLSv1.2',
  honorCipherOrder: true,
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384',
  ].join(':'),
})

/**
 * One listener serves devices with certificates of any CA, self-signed ones and none: the certificate is asked for, what it is worth is
 * decided at CONNECT. No `ca`: the list of CA names it sends would keep careful clients from offering others. No CRL: an expired one
 * locks all out. AWS clients that negotiate a protocol insist on their own names.
 */
export const tlsOptionsOf = (material: TlsMaterial): TlsOptions => ({
  ...secureContextOf(material),
  requestCert: true,
  rejectUnauthorized: false,
  ALPNProtocols: ['x-amzn-mqtt-ca', 'mqtt', 'x-amzn-http-ca', 'http/1.1'],
  handshakeTimeout: 10_000,
  allowHalfOpen: true,
})
