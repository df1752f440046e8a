//! From where each cloud's tools start.

use serde::Serialize;

use super::Provider;
use super::text::{in_shell, in_terraform, in_url};

/// Contract schema StackDeploymentConfig.
#[derive(Debug, Serialize)]
pub(super) struct StackDeploymentConfig {
    deployment_url: String,
    deployment_url_text: &'static str,
    configuration: Option<String>,
    instructions: Option<&'static str>,
}

/// What is to be set up, and how its tools come back.
pub(super) struct Asked {
    pub provider: Provider,
    pub stack_name: String,
    pub location: Option<String>,
    pub terraform: bool,
    pub server_url: String,
    pub token: String,
    /// What is made is called so.
    pub resource_name: String,
}

/// ZenML's template of an AWS stack.
const TEMPLATE: &str = "https://zenml-cf-templates.s3.eu-central-1.amazonaws.com/aws-ecr-s3-sagemaker.yaml";
/// A shell with ZenML's repository, in which its tutorial leads through a deployment.
const GOOGLE_SHELL: &str = "https://shell.cloud.google.com/cloudshell/editor\
    ?cloudshell_git_repo=https://github.com/zenml-io/zenml&cloudshell_workspace=infra/gcp\
    &cloudshell_open_in_editor=gcp-gar-gcs-vertex.jinja,gcp-gar-gcs-vertex-deploy.sh\
    &cloudshell_tutorial=gcp-gar-gcs-vertex.md&ephemeral=true";
const AZURE_SHELL: &str = "https://shell.azure.com";

impl Asked {
    pub(super) fn configuration(&self) -> StackDeploymentConfig {
        match self.provider {
            Provider::Aws => StackDeploymentConfig {
                deployment_url: self.quick_create_url(),
                deployment_url_text: "AWS CloudFormation Console",
                configuration: self.terraform.then(|| self.terraform_text()),
                instructions: None,
            },
            Provider::Gcp => StackDeploymentConfig {
                deployment_url: GOOGLE_SHELL.to_owned(),
                deployment_url_text: "GCP Cloud Shell Console",
                configuration: Some(match self.terraform {
                    true => self.terraform_text(),
                    false => self.variables(),
                }),
                instructions: Some("The deployment asks for these values:"),
            },
            Provider::Azure => StackDeploymentConfig {
                deployment_url: AZURE_SHELL.to_owned(),
                deployment_url_text: "Azure Cloud Shell Console",
                configuration: Some(self.terraform_text()),
                instructions: Some(
                    "\n1. Open the Azure Cloud Shell.\n2. Put the configuration into a file `main.tf` there.\n\
                     3. Run `terraform init --upgrade`.\n4. Run `terraform apply`.\n",
                ),
            },
        }
    }

    fn quick_create_url(&self) -> String {
        let region = self.location.as_deref().map(|region| format!("region={}", in_url(region)));
        format!(
            "https://console.aws.amazon.com/cloudformation/home?{}#/stacks/create/review?stackName={}\
             &templateURL={TEMPLATE}&param_ResourceName={}&param_ZenMLServerURL={}&param_ZenMLServerAPIToken={}\
             &param_CodeBuild=true",
            region.unwrap_or_default(),
            in_url(&self.stack_name),
            self.resource_name,
            in_url(&self.server_url),
            self.token,
        )
    }

    fn variables(&self) -> String {
        let Self { stack_name, server_url, token, .. } = self;
        format!(
            "\n### BEGIN CONFIGURATION ###\nZENML_STACK_NAME={}\nZENML_STACK_REGION={}\nZENML_SERVER_URL={}\n\
             ZENML_SERVER_API_TOKEN={token}\n### END CONFIGURATION ###",
            in_shell(stack_name),
            in_shell(self.location()),
            in_shell(server_url),
        )
    }

    fn location(&self) -> &str {
        self.location.as_deref().unwrap_or(match self.provider {
            Provider::Aws => "eu-central-1",
            Provider::Gcp => "europe-west3",
            Provider::Azure => "eastus",
        })
    }

    fn terraform_text(&self) -> String {
        let location = in_terraform(self.location());
        let (clouds, cloud, module) = match self.provider {
            Provider::Aws => {
                (&["aws"][..], format!("provider \"aws\" {{\n    region = \"{location}\"\n}}"), "")
            }
            Provider::Gcp => {
                let project = "# Put the name of your project here.\n    project = \"\"";
                let cloud =
                    format!("provider \"google\" {{\n    region  = \"{location}\"\n    {project}\n}}");
                (&["google"][..], cloud, "")
            }
            Provider::Azure => {
                let keep = "prevent_deletion_if_contains_resources = false";
                let cloud = format!(
                    "provider \"azurerm\" {{\n    features {{\n        resource_group {{\n            {keep}\n        \
                     }}\n    }}\n}}"
                );
                (&["azurerm", "azuread"][..], cloud, "location")
            }
        };
        let source = |name: &&str| {
            format!("        {name} = {{\n            source = \"hashicorp/{name}\"\n        }}\n")
        };
        let clouds: String = clouds.iter().map(source).collect();
        let module = match module {
            "" => String::new(),
            name => format!("    {name} = \"{location}\"\n"),
        };
        format!(
            "terraform {{\n    required_providers {{\n{clouds}        zenml = {{\n            source = \
             \"zenml-io/zenml\"\n            version = \"~> 2.0\"\n        }}\n    }}\n}}\n\n{cloud}\n\nprovider \
             \"zenml\" {{\n    server_url = \"{}\"\n    api_token = \"{}\"\n}}\n\nmodule \"zenml_stack\" {{\n    source \
             = \"zenml-io/zenml-stack/{}\"\n    version = \"~> 2.0\"\n\n{module}    zenml_stack_name = \"{}\"\n    \
             zenml_stack_deployment = \"{}\"\n}}\n\noutput \"zenml_stack_id\" {{\n    value = \
             module.zenml_stack.zenml_stack_id\n}}\n\noutput \"zenml_stack_name\" {{\n    value = \
             module.zenml_stack.zenml_stack_name\n}}\n",
            in_terraform(&self.server_url),
            self.token,
            self.provider.name(),
            in_terraform(&self.stack_name),
            self.provider.deployment(self.terraform),
        )
    }
}
