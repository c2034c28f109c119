//! Changing settings.

use protocol::messages::IncrementalAlterConfigsRequest;
use protocol::messages::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};

use super::{Resource, check};
use crate::client::{Client, Error};

/// What becomes of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has this value.
    Set(String),
    /// It has the value that it would have if it had not been set here.
    Unset,
    /// Its list has this, too.
    Append(String),
    /// Its list has this no more.
    Subtract(String),
}

impl Client {
    /// Changes settings of a resource, all or none; with `only_check` it only asks whether they could be.
    pub(crate) async fn change_settings(
        &self,
        resource: &Resource,
        changes: &[(String, Change)],
        only_check: bool,
    ) -> Result<(), Error> {
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: resource.kind(),
                resource_name: resource.name().into(),
                configs: changes.iter().map(|(name, change)| change.of(name)).collect(),
            }],
            validate_only: only_check,
        };
        let changed = self.administer_at(resource.node(), &request, |response| {
            response
                .responses
                .iter()
                .try_for_each(|result| check(resource, result.error_code, result.error_message.as_deref()))
        });
        changed.await
    }
}

impl Change {
    fn of(&self, name: &str) -> AlterableConfig {
        let (config_operation, value) = match self {
            Self::Set(value) => (0, Some(value)),
            Self::Unset => (1, None),
            Self::Append(value) => (2, Some(value)),
            Self::Subtract(value) => (3, Some(value)),
        };
        AlterableConfig {
            name: name.into(),
            config_operation,
            value: value.map(|value| value.as_str().into()),
        }
    }
}
