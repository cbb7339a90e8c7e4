import assert from 'node:assert/strict'
import { certificateValues } from '../../src/identity/policy-certificate.ts'
import { accessOf, allow, documentOf } from './policy-make.ts'

/** Made with OpenSSL: one of each name, two organizations (the first with a comma and a plus), names of four kinds. Self-signed, valid for a century. */
const certificate = Buffer.from(
  `
MIIDKDCCAs2gAwIBAgIUe0iQkbcxh/vdBhq1ymSVPnJjHg0wCgYIKoZIzj0EAwIw
gdYxCzAJBgNVBAYTAkRFMRAwDgYDVQQIDAdTYWNoc2VuMRcwFQYDVQQKDA5PbmUs
IFR3bytUaHJlZTEQMA4GA1UECgwHWndlaSDDvDEOMAwGA1UECwwFUHVtcHMxDzAN
BgNVBAMMBnB1bXAtMTENMAsGA1UEBRMEU04gOTEKMAgGA1UEDAwBVDEMMAoGA1UE
BAwDU3VyMQ4wDAYDVQQqDAVHaXZlbjEKMAgGA1UEKwwBSTEKMAgGA1UELhMBUTEK
MAgGA1UEQQwBUDEMMAoGA1UELAwDSUlJMCAXDTI2MTEyMTEzNDExNloYDzIxMjYx
MDI4MTM0MTE2WjCB1jELMAkGA1UEBhMCREUxEDAOBgNVBAgMB1NhY2hzZW4xFzAV
BgNVBAoMDk9uZSwgVHdvK1RocmVlMRAwDgYDVQQKDAdad2VpIMO8MQ4wDAYDVQQL
DAVQdW1wczEPMA0GA1UEAwwGcHVtcC0xMQ0wCwYDVQQFEwRTTiA5MQowCAYDVQQM
DAFUMQwwCgYDVQQEDANTdXIxDjAMBgNVBCoMBUdpdmVuMQowCAYDVQQrDAFJMQow
CAYDVQQuEwFRMQowCAYDVQRBDAFQMQwwCgYDVQQsDANJSUkwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASdQFZRg67QRCvvoNw46dt7rYJcjO/RfitWqGj3ccs/gKcR
pjbrwP9oRcpF0RuC2LcTxVL27RM9c/NkyI+FFMHpo3UwczBSBgNVHREESzBJgglh
LmV4YW1wbGWCCWIuZXhhbXBsZYYJdXJuOngseToxgQ5tZUBleGFtcGxlLm5ldIcE
wAACAYcQIAENuAAAAAAAAAAAAAAAATAdBgNVHQ4EFgQU3G3EYu3z+l702nCFqhas
IDODCjcwCgYIKoZIzj0EAwIDSQAwRgIhAIrjohnHTEhTd8liUqQRZnw/2/lomu8L
n8I0b9cVtZ+rAiEAlyxYDyaBXTOJ8KPHHRhggxWgbqGKoLhpSnsYOH9CxLg=
`,
  'base64',
)

describe('certificates in policies', () => {
  it('subject, issuer, alternative names and serial number are what variables say', () => {
    const values = {
      'Subject.CommonName': 'pump-1',
      'Subject.Country': 'DE',
      'Subject.State': 'Sachsen',
      'Subject.Organization': 'One, Two+Three',
      'Subject.OrganizationalUnit': 'Pumps',
      'Subject.SerialNumber': 'SN 9',
      'Subject.Title': 'T',
      'Subject.Surname': 'Sur',
      'Subject.GivenName': 'Given',
      'Subject.Initials': 'I',
      'Subject.Pseudonym': 'P',
      'Subject.GenerationQualifier': 'III',
      'Subject.DistinguishedNameQualifier': 'Q',
      'Subject.AlternativeName.DNSName': 'a.example',
      'Subject.AlternativeName.UniformResourceIdentifier': 'urn:x,y:1',
      'Subject.AlternativeName.RFC822Name': 'me@example.net',
      'Subject.AlternativeName.IPAddress': '192.0.2.1',
      'Issuer.CommonName': 'pump-1',
      SerialNumber: '7b489091b73187fbdd061ab5ca64953e72631e0d',
    }
    for (const [name, value] of Object.entries(values)) {
      const text = documentOf(allow('topic/a', 'iot:Publish', { StringEquals: { [`iot:Certificate.${name}`]: value } }))
      assert.equal(accessOf([text], { certificate }).decide('Publish', 'a'), 'allow', name)
      assert.equal(accessOf([text]).decide('Publish', 'a'), 'none', name)
    }
    const below = documentOf(allow('topic/\u0024{iot:Certificate.Subject.CommonName}/x'))
    assert.equal(accessOf([below], { certificate }).decide('Publish', 'pump-1/x'), 'allow')
  })

  it('a name with several values is a list under its own name', () => {
    const any = (value: string) =>
      accessOf(
        [
          documentOf(
            allow('topic/a', 'iot:Publish', {
              'ForAnyValue:StringEquals': { 'iot:Certificate.Subject.Organization.List': value },
            }),
          ),
        ],
        { certificate },
      ).decide('Publish', 'a')
    assert.equal(any('Zwei ü'), 'allow')
    assert.equal(any('One, Two+Three'), 'allow')
    assert.equal(any('Drei'), 'none')
  })

  it('what is no certificate has no values', () => {
    assert.deepEqual(certificateValues(Buffer.from('no certificate')), { serial: '', names: new Map() })
    assert.deepEqual(certificateValues(certificate.subarray(0, 400)), { serial: '', names: new Map() })
  })
})
