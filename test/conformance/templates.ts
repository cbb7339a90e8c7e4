/** As projects have it: the name from a serial number, and what the thing may do in a policy with variables. */
export const pumps = {
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: {
        ThingName: { 'Fn::Join': ['', ['pump-', { Ref: 'SerialNumber' }]] },
        AttributePayload: { serial: { Ref: 'SerialNumber' } },
      },
    },
    policy: {
      Type: 'AWS::IoT::Policy',
      Properties: {
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: 'iot:Connect',
              Resource: `arn:aws:iot:eu-central-1:123456789012:client/\${iot:Connection.Thing.ThingName}`,
            },
            {
              Effect: 'Allow',
              Action: 'iot:Publish',
              Resource: `arn:aws:iot:eu-central-1:123456789012:topic/dt/\${iot:Connection.Thing.ThingName}/*`,
            },
          ],
        },
      },
    },
  },
  DeviceConfiguration: { interval: '10' },
}

/** A device by what its certificate says. */
export const byCommonName = {
  Parameters: { 'AWS::IoT::Certificate::CommonName': { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' } } },
  },
}

/** Of more fields of its subject, each of which must be there. */
export const bySubject = {
  Parameters: {
    'AWS::IoT::Certificate::CommonName': { Type: 'String' },
    'AWS::IoT::Certificate::SerialNumber': { Type: 'String' },
    'AWS::IoT::Certificate::StateName': { Type: 'String' },
    'AWS::IoT::Certificate::Id': { Type: 'String' },
  },
  Resources: {
    certificate: byCommonName.Resources.certificate,
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: {
        ThingName: { Ref: 'AWS::IoT::Certificate::CommonName' },
        AttributePayload: {
          serial: { Ref: 'AWS::IoT::Certificate::SerialNumber' },
          site: { Ref: 'AWS::IoT::Certificate::StateName' },
        },
      },
    },
  },
}
